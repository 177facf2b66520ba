"""What LiteLLM gives: OpenAI's shapes, in which it fills in by itself what a provider has not said.

Only what is known to be the provider's is taken over. Of a whole answer LiteLLM shows the text as it came, which can be
asked whether it speaks of tokens at all. Of a stream it keeps the chunks, and what it has counted itself is in none.
"""

from __future__ import annotations

import base64
import re
import weakref
from collections.abc import Callable
from typing import Any

from callspan.events import Delta
from callspan.formats.fields import get, parse_json, text
from callspan.frameworks.litellm import token_counts
from callspan.frameworks.litellm.request import Request
from callspan.lifecycle.observation import Reader

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MADE_UP = re.compile(f"(chatcmpl|cmpl)-{_UUID}")
_DOUBTFUL = re.compile(rf"(\w+[-_])?{_UUID}")
"""Ids that LiteLLM makes up, and such as it may have made up for an answer that it does not show."""


def whole(request: Request) -> Reader:
    """What reads a whole answer."""
    if request.function.native:
        return request.wire_format.read

    def read(item: Any, full: bool) -> Delta | None:
        delta = request.wire_format.read(item, full)
        if delta is not None:
            raw = request.whole_text()
            delta.id = _identity(delta.id, raw)
            delta.usage = token_counts.of_answer(
                raw, request.headers(), delta.usage, get(item, "usage")
            )
        return delta

    return read


def chunks(request: Request, stream: Any) -> Reader:
    """What reads a stream's chunks. Those that LiteLLM keeps say what the provider has counted."""
    source = weakref.ref(stream)

    def read(item: Any, full: bool) -> Delta | None:
        delta = request.wire_format.read(item, full)
        if delta is None:
            return None
        delta.id = _given(delta.id, _MADE_UP)
        if delta.usage is not None or any(reason for _, reason in delta.finish_reasons):
            delta.usage = token_counts.of_stream(source(), delta.usage)
        return delta

    return read


def rest(stream: Any) -> Callable[[], Delta | None]:
    """Return a reader of what a stream has learned since its last chunk: some providers count after they finish."""
    source = weakref.ref(stream)

    def read() -> Delta | None:
        usage = token_counts.of_stream(source(), None)
        return None if usage is None else Delta(usage=usage)

    return read


def _identity(known: str | None, raw: str) -> str | None:
    """The provider's id of the answer. LiteLLM makes ids up, and packs those of responses into longer ones."""
    said = parse_json(raw) if raw.startswith("{") else None
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
