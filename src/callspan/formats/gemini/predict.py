"""Gemini's embeddings and Imagen's images, in the forms of the Gemini API and of Vertex."""

from __future__ import annotations

from callspan.events import Content, Delta, ParameterName, Parameters, Part, Usage
from callspan.formats import parts
from callspan.formats.errors import with_failures
from callspan.formats.fields import (
    Body,
    Item,
    first_item,
    get,
    get_nested,
    items,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.gemini.usage import read_usage
from callspan.runtime.number import token_count

_IMAGE_SETTINGS: dict[str, ParameterName] = {"sampleCount": "choices", "seed": "seed"}


def _embedding_parameters(body: Body) -> Parameters:
    # A batch has the size in each of its requests, Vertex among the parameters.
    first = first_item(body.get("requests"))
    for source in (body, first, body.get("parameters"), body.get("embedContentConfig")):
        size = get(source, "outputDimensionality")
        if size is not None:
            return {"dimensions": size}
    return {}


def read_embeddings(answer: Item, _needs_text: bool) -> Delta | None:
    """Read a whole answer; the Gemini API need not state any tokens."""
    predictions = items(get(answer, "predictions"))
    predicted = [get(item, "embeddings") for item in predictions]
    delta = Delta(usage=_embedding_usage(answer, predicted))
    # Vertex, a batch of the Gemini API, one text of it
    vectors = [*predicted, *items(get(answer, "embeddings")), get(answer, "embedding")]
    vectors = [vector for vector in vectors if vector is not None]
    values = get(first_item(vectors), "values")
    if isinstance(values, list) and values:
        delta.details = {"dimensions": len(values)}
    return delta


def _embedding_usage(answer: Item, predicted: list[Item]) -> Usage | None:
    usage = read_usage(get(answer, "usageMetadata"))
    if usage is not None or not predicted:
        return usage
    total = 0
    for vector in predicted:
        tokens = token_count(get_nested(vector, "statistics", "token_count"))
        if tokens is None:  # a sum without it would be too low
            return None
        total += tokens
    return Usage(input=total)


def _image_parameters(body: Body) -> Parameters:
    settings = read_settings(body.get("parameters"), _IMAGE_SETTINGS)
    settings["output_type"] = "image"
    return settings


def _image_content(body: Body) -> Content:
    prompts = [text(get(item, "prompt")) for item in items(body.get("instances"))]
    pieces = [parts.text_part(prompt) for prompt in prompts if prompt]
    return Content(parts.user_messages(pieces))


def read_images(answer: Item, needs_text: bool) -> Delta | None:
    """Read a whole answer: each image is a choice."""
    # Imagen states neither counts nor reasons
    if not needs_text:
        return Delta(parts=[])
    images = enumerate(items(get(answer, "predictions")))
    return Delta(parts=[_image(image, choice) for choice, image in images])


def _image(image: Item, choice: int) -> Part:
    mime_type = str(get(image, "mimeType") or "image/png")
    part = parts.blob("image", mime_type, get(image, "bytesBase64Encoded"))
    return parts.whole_part(part, choice=choice)


EMBEDDINGS = Format("embeddings", _embedding_parameters, with_failures(read_embeddings))
IMAGES = Format("generate_content", _image_parameters, with_failures(read_images), _image_content)
