"""Images by Titan, Nova and Stability on Bedrock: how many and of what size, never a byte."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Part
from callspan.formats.errors import read_failure
from callspan.formats.fields import Body, get, get_nested, items, text
from callspan.formats.format import Format
from callspan.formats.parts import blob


def parameters(_body: Body) -> dict[str, Any]:
    """That an image is asked for."""
    return {"output_type": "image"}


def content(body: Body) -> Content:
    """The prompts."""
    prompts = [get_nested(body, "textToImageParams", "text"), body.get("prompt")]
    prompts += [get(item, "text") for item in items(body.get("text_prompts"))]
    said = [{"type": TEXT, "content": prompt} for prompt in prompts if text(prompt)]
    return Content([{"role": "user", "parts": said}] if said else [])


def read(answer: Any, needs_text: bool) -> Delta | None:
    """A whole answer: each image is a choice."""
    made = [
        *items(get(answer, "images")),
        *(get(item, "base64") for item in items(get(answer, "artifacts"))),
    ]
    shown = [_image(image, place) for place, image in enumerate(made)] if needs_text else []
    # beside images, an error tells only of those that were held back
    return Delta(parts=shown, failure=None if made else read_failure(answer))


def _image(image: Any, place: int) -> Part:
    told = blob("image", "image/png", image)
    return Part(told.pop("type"), choice=place, data=told)


IMAGES = Format("generate_content", parameters, read, content)
