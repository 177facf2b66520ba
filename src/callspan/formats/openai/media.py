"""OpenAI's images, speech, transcriptions, translations and moderations.

The conventions have no operations for these. Making content is `generate_content`, with the
type of its output; judging it is `moderation`, a value of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from callspan.events import TEXT, Content, Delta, ParameterName, Parameters, Part, Usage
from callspan.formats import parts
from callspan.formats.errors import with_failures
from callspan.formats.fields import (
    Body,
    Item,
    all_fields,
    get,
    id_text,
    items,
    read_settings,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.formats.usage import read_usage, with_sound

_SETTINGS: dict[str, ParameterName] = {"temperature": "temperature", "n": "choices"}


def _parameters_with(output_type: str | None) -> Callable[[Body], Parameters]:
    def parameters(body: Body) -> Parameters:
        settings = read_settings(body, _SETTINGS)
        if output_type:
            settings["output_type"] = output_type
        return settings

    return parameters


def _speech_parameters(body: Body) -> Parameters:
    settings = _parameters_with("speech")(body)
    settings["characters"] = len(string(body.get("input")))
    return settings


def _content_of(field: str) -> Callable[[Body], Content]:
    def content(body: Body) -> Content:
        value = body.get(field)
        texts = [value] if isinstance(value, str) else items(value)
        pieces = [parts.text_part(piece) for piece in texts if isinstance(piece, str)]
        return Content(parts.user_messages(pieces))

    return content


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole answer; of images and sound only the size."""
    # a transcription in the format `text`, `srt` or `vtt` is a text and nothing else
    if isinstance(answer, str):
        return Delta(parts=(Part(TEXT, answer),) if needs_text else ())
    fields = all_fields(answer)
    kind = fields.get("type")
    is_end = isinstance(kind, str) and kind.endswith((".done", ".completed"))
    delta = Delta(model=text(fields.get("model")), usage=_usage(fields), last=is_end)
    if needs_text:
        delta.parts = _parts(fields, is_end)
    return delta


def _usage(fields: Mapping[str, Any]) -> Usage | None:
    """Return the tokens of an answer, or the length of the sound where it is billed by that."""
    counts = fields.get("usage")
    seconds = get(counts, "seconds")
    if seconds is None:
        # the format `verbose_json`, which has no `usage` at other servers
        seconds = fields.get("duration")
    return with_sound(read_usage(counts), seconds)


def _parts(fields: Mapping[str, Any], is_end: bool) -> list[Part]:
    mime_type = f"image/{text(fields.get('output_format')) or 'png'}"
    images = items(fields.get("data"))
    # the end of a stream of images has its one image beside the type
    if is_end and fields.get("b64_json"):
        images = [fields]
    result = [_image(item, choice, mime_type) for choice, item in enumerate(images)]
    fragment = text(fields.get("delta"))
    if fragment is None and not is_end:  # the end of a stream repeats the whole text
        fragment = text(fields.get("text"))
    if fragment:
        result.append(Part(TEXT, fragment))
    return result


def _image(item: Item, choice: int, mime_type: str) -> Part:
    url = text(get(item, "url"))
    # an image is at an address or inline, by what the app asked for
    if url:
        return parts.whole_part(parts.media_at("image", url), choice=choice)
    image = parts.blob("image", mime_type, get(item, "b64_json"))
    return parts.whole_part(image, choice=choice)


def read_moderation(answer: Item, _needs_text: bool) -> Delta | None:
    """Read a whole judgement without its categories: they are content, and left to the app."""
    return Delta(id=id_text(get(answer, "id")), model=text(get(answer, "model")))


# One reader for all of them: the names of their fields do not overlap.
_READ = with_failures(read)
IMAGES = Format("generate_content", _parameters_with("image"), _READ, _content_of("prompt"))
SPEECH = Format("generate_content", _speech_parameters, _READ, _content_of("input"))
TRANSCRIPTION = Format("generate_content", _parameters_with("text"), _READ, _content_of("prompt"))
MODERATION = Format(
    "moderation", _parameters_with(None), with_failures(read_moderation), _content_of("input")
)
