"""Images by Titan, Nova and Stability on Bedrock: how many and of what size, never a byte."""

from __future__ import annotations

from callspan.events import Content, Delta, Parameters
from callspan.formats import parts
from callspan.formats.errors import read_failure
from callspan.formats.fields import Body, Item, get, get_nested, items, text
from callspan.formats.format import Format


def parameters(_body: Body) -> Parameters:
    """Return the type of the output: an image."""
    return {"output_type": "image"}


def content(body: Body) -> Content:
    """Return the prompts."""
    # Nova and Titan, Stability's newer models, its older ones
    prompts = [get_nested(body, "textToImageParams", "text"), body.get("prompt")]
    prompts += [get(item, "text") for item in items(body.get("text_prompts"))]
    pieces = [parts.text_part(prompt) for prompt in prompts if text(prompt)]
    return Content(parts.user_messages(pieces))


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read a whole answer: each image is a choice."""
    images = items(get(answer, "images"))  # Stability's older models have artifacts
    images += [get(item, "base64") for item in items(get(answer, "artifacts"))]
    if not images:
        return Delta(failure=read_failure(answer))
    # Beside images, an error is about those that were held back.
    delta = Delta()
    if needs_text:
        blobs = [parts.blob("image", "image/png", image) for image in images]
        delta.parts = [parts.whole_part(blob, choice=choice) for choice, blob in enumerate(blobs)]
    return delta


IMAGES = Format("generate_content", parameters, read, content)
