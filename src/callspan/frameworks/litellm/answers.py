"""What LiteLLM gives: OpenAI's shapes, in which it fills in by itself what a provider has not said.

Only what is known to be the provider's is taken over. Of a whole answer LiteLLM shows the text as it came, which can be
asked whether it speaks of tokens at all. Of a stream it keeps the chunks, and what it has counted itself is in none.
"""

from __future__ import annotations

import base64
import re
import weakref
from typing import Any

from callspan.dialects.dialect import count, get, loaded, text
from callspan.dialects.openai_usage import usage as counts
from callspan.events import Delta, Usage
from callspan.frameworks.litellm.request import Request
from callspan.observation import Reader

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MADE_UP = re.compile(f"(chatcmpl|cmpl)-{_UUID}")
_DOUBTFUL = re.compile(rf"(\w+[-_])?{_UUID}")
"""Ids that LiteLLM makes up, and such as it may have made up for an answer that it does not show."""
_SUBSETS = {
    "cache_read": "[cC]ache",
    "cache_write": "[cC]ache",
    "reasoning": "reasoning|thought|thinking",
    "input_text": "text_tokens|tokenCount",
    "input_audio": "audio|tokenCount",
    "input_image": "image|tokenCount",
    "output_text": "text_tokens|tokenCount",
    "output_audio": "audio|tokenCount",
    "output_image": "image|tokenCount",
}
"""Counts that are parts of others, and the words in a field's name by which providers state them."""
_COUNTS = "tokens?|[tT]okenCount|eval_count"


def whole(request: Request) -> Reader:
    """What reads a whole answer."""

    def read(item: Any, full: bool) -> Delta | None:
        delta = request.dialect.read(item, full)
        if delta is not None:
            delta.id = _identity(delta.id, request.raw)
            delta.usage = _stated(request.raw, delta.usage, get(item, "usage"))
        return delta

    return read


def chunks(request: Request, stream: Any) -> Reader:
    """What reads a stream's chunks. Those that LiteLLM keeps say what the provider has counted."""
    source = weakref.ref(stream)

    def read(item: Any, full: bool) -> Delta | None:
        delta = request.dialect.read(item, full)
        if delta is None:
            return None
        delta.id = _given(delta.id, _MADE_UP)
        if delta.usage is not None or any(reason for _, reason in delta.finish_reasons):
            delta.usage = _counted(source(), delta.usage)
        return delta

    return read


def _identity(known: str | None, raw: str) -> str | None:
    """The provider's id of the answer. LiteLLM makes ids up, and packs those of responses into longer ones."""
    said = loaded(raw) if raw.startswith("{") else None
    if isinstance(said, dict):
        return text(said.get("id")) or text(said.get("responseId"))
    return _given(known, _MADE_UP if raw else _DOUBTFUL)


def _given(known: str | None, made_up: re.Pattern[str]) -> str | None:
    return None if known is None or made_up.fullmatch(known) else _unpacked(known)


def _unpacked(known: str) -> str:
    try:
        packed = base64.b64decode(known.removeprefix("resp_"), validate=True).decode()
    except ValueError:
        return known
    return packed.rpartition("response_id:")[2] if packed.startswith("litellm:") else known


def _stated(raw: str, usage: Usage | None, stated: Any) -> Usage | None:
    """The counts of a whole answer that stand in the provider's text too, though summed up there otherwise."""
    if usage is None or not usage.total or not _says(raw, _COUNTS):
        return None
    usage.cache_write = _written(stated)
    for name, words in _SUBSETS.items():
        if getattr(usage, name) is not None and not _says(raw, words):
            setattr(usage, name, None)
    return usage


def _says(raw: str, words: str) -> bool:
    """Whether a text, JSON or an object's description, has a number under a name with one of these words in it."""
    return re.search(rf'(?<!\\)"\w*(?:{words})\w*"\s*:\s*\d|\b\w*(?:{words})\w*=\d', raw) is not None


def _written(stated: Any) -> int | None:
    """Tokens written to a cache, by LiteLLM's names."""
    found = count(stated, "prompt_tokens_details", "cache_creation_tokens")
    return count(stated, "cache_creation_input_tokens") if found is None else found


def _counted(stream: Any, given: Usage | None) -> Usage | None:
    """The counts in the chunks that a stream keeps, if it keeps any; LiteLLM writes zeros for what nobody has said."""
    kept = getattr(stream, "chunks", None) or getattr(getattr(stream, "completion_stream", None), "chunks", None)
    if kept is None:
        return given
    found: Usage | None = None
    for stated in filter(None, (get(chunk, "usage") for chunk in kept)):
        said = counts(stated)
        if said is not None:
            said.cache_write = _written(stated)
            found = said if found is None else _later(found, said)
    return None if found is None or not found.total else _without_zeros(found)


def _later(found: Usage, said: Usage) -> Usage:
    found.update(said)
    return found


def _without_zeros(found: Usage) -> Usage:
    for name in _SUBSETS:
        setattr(found, name, getattr(found, name) or None)
    found.input_text = found.output_text = None  # LiteLLM's own remainder, for some providers
    return found
