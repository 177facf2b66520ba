"""OpenAI's images, speech, transcriptions, translations and moderations.

The conventions have no operations for these. What makes content is `generate_content`, with the type of its output;
judging it is `moderation`, a value of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from callspan.events import TEXT, Content, Delta, Part
from callspan.formats import parts as parts
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, all_fields, get, id_text, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.openai.usage import read_usage

_SETTINGS = {"temperature": "temperature", "n": "choices"}


def _parameters(output_type: str | None) -> Callable[[Body], dict[str, Any]]:
    def parameters(body: Body) -> dict[str, Any]:
        found = read_settings(body, _SETTINGS)
        return found | {"output_type": output_type} if output_type else found

    return parameters


def _content(field: str) -> Callable[[Body], Content]:
    def content(body: Body) -> Content:
        said = body.get(field)
        given = [said] if isinstance(said, str) else items(said)
        pieces = [{"type": TEXT, "content": piece} for piece in given if isinstance(piece, str)]
        return Content([{"role": "user", "parts": pieces}] if pieces else [])

    return content


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole answer. Images and sound are told by their size."""
    if isinstance(answer, str):
        return Delta(parts=(Part(TEXT, answer),) if needs_text else ())
    told = all_fields(answer)
    kind = told.get("type")
    ends = isinstance(kind, str) and kind.endswith((".done", ".completed"))
    return Delta(
        model=text(told.get("model")),
        parts=_parts(told, ends) if needs_text else (),
        usage=read_usage(told.get("usage")),
        last=ends,
    )


def _parts(told: Mapping[str, Any], ends: bool) -> list[Part]:
    found = [_image(item, place) for place, item in enumerate(items(told.get("data")))]
    said = text(told.get("delta")) or (None if ends else text(told.get("text")))
    return [*found, Part(TEXT, said)] if said else found


def _image(item: Any, place: int) -> Part:
    url, data = text(get(item, "url")), get(item, "b64_json")
    shown = parts.media("image", url) if url else parts.blob("image", "image/png", data)
    return Part(shown.pop("type"), choice=place, data=shown)


def read_moderation(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole judgement; what it says of the text is content of a kind, and is left to the app."""
    return Delta(id=id_text(get(answer, "id")), model=text(get(answer, "model")))


_READ = with_failures(read)
IMAGES = Format("generate_content", _parameters("image"), _READ, _content("prompt"))
SPEECH = Format("generate_content", _parameters("speech"), _READ, _content("input"))
TRANSCRIPTION = Format("generate_content", _parameters("text"), _READ, _content("prompt"))
MODERATION = Format(
    "moderation", _parameters(None), with_failures(read_moderation), _content("input")
)
