"""Gemini's embeddings and Imagen's images, in the forms of the Gemini API and of Vertex."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Part, Usage
from callspan.formats import parts as parts
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, get, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.gemini.usage import read_usage
from callspan.runtime.number import token_count


def _embedding_parameters(body: Body) -> dict[str, Any]:
    # for a batch it stands in each request, on Vertex among the parameters
    first = next(iter(items(body.get("requests"))), None)
    for source in (body, first, body.get("parameters"), body.get("embedContentConfig")):
        size = get(source, "outputDimensionality")
        if size is not None:
            return {"dimensions": size}
    return {}


def read_embeddings(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole answer; the Gemini API need not state any tokens."""
    vectors = [*items(get(answer, "embeddings")), get(answer, "embedding")]
    predicted = [get(item, "embeddings") for item in items(get(answer, "predictions"))]
    values = get(
        next((vector for vector in [*predicted, *vectors] if vector is not None), None), "values"
    )
    return Delta(
        usage=_embedding_usage(answer, predicted),
        details={"dimensions": len(values)} if isinstance(values, list) and values else None,
    )


def _embedding_usage(answer: Any, predicted: list[Any]) -> Usage | None:
    stated = read_usage(get(answer, "usageMetadata"))
    if stated is not None:
        return stated
    found = [get(get(vector, "statistics"), "token_count") for vector in predicted]
    known = [number for value in found if (number := token_count(value)) is not None]
    return Usage(input=sum(known)) if known and len(known) == len(found) else None


_IMAGE_SETTINGS = {"sampleCount": "choices", "seed": "seed"}


def _image_parameters(body: Body) -> dict[str, Any]:
    return {**read_settings(body.get("parameters") or {}, _IMAGE_SETTINGS), "output_type": "image"}


def _image_content(body: Body) -> Content:
    prompts = [text(get(item, "prompt")) for item in items(body.get("instances"))]
    said = [{"type": TEXT, "content": prompt} for prompt in prompts if prompt]
    return Content(messages=[{"role": "user", "parts": said}] if said else [])


def read_images(answer: Any, needs_text: bool) -> Delta | None:
    """A whole answer: each image is a choice."""
    images = enumerate(items(get(answer, "predictions"))) if needs_text else ()
    return Delta(parts=[_image(image, place) for place, image in images])


def _image(image: Any, place: int) -> Part:
    told = parts.blob(
        "image", str(get(image, "mimeType") or "image/png"), get(image, "bytesBase64Encoded")
    )
    return Part(told.pop("type"), choice=place, data=told)


EMBEDDINGS = Format("embeddings", _embedding_parameters, with_failures(read_embeddings))
IMAGES = Format("generate_content", _image_parameters, with_failures(read_images), _image_content)
