"""Read LiteLLM's answers, which have OpenAI's shape and values that LiteLLM has made up itself.

Only values that are the provider's own are taken over. Of a whole answer LiteLLM shows the text as
it came, in which they are looked up. Of a stream it keeps the chunks, and its own counts are in
none of them.
"""

from __future__ import annotations

import base64
import re
import weakref
from typing import Any

from callspan.events import Delta
from callspan.formats.bodies import parse_json
from callspan.formats.fields import get, text
from callspan.frameworks.litellm import token_counts
from callspan.frameworks.litellm.failure import explain
from callspan.frameworks.litellm.request import Request
from callspan.lifecycle.reading import Reading

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LITELLM_ID = re.compile(f"(chatcmpl|cmpl)-{_UUID}")
"""Ids that LiteLLM makes up."""
_POSSIBLE_LITELLM_ID = re.compile(rf"(\w+[-_])?{_UUID}")
"""Ids that LiteLLM may have made up for an answer whose text it does not show."""
Item = Any
"""An answer or a chunk of LiteLLM's."""


def answer_reading(request: Request) -> Reading:
    """Return how whole answers are read."""
    # a provider's own format has the provider's ids and counts (docs/decisions/0082)
    if request.function.native:
        return Reading(request.wire_format.read, explain)

    def read(item: Item, needs_text: bool) -> Delta | None:
        delta = request.wire_format.read(item, needs_text)
        if delta is not None:
            raw = request.answer_text()
            delta.id = _provider_id(delta.id, raw)
            delta.usage = token_counts.of_answer(
                raw, request.headers(), delta.usage, get(item, "usage")
            )
        return delta

    return Reading(read, explain)


def stream_reading(request: Request, stream: object) -> Reading:
    """Return how a stream's chunks are read; the counts are those in the chunks LiteLLM keeps.

    Nothing is read where a client's stream inside reports the chunks, so that the request has no
    observation of its own.
    """
    # the observation keeps the reader and must not keep the stream: dropping it ends the call
    stream_ref = weakref.ref(stream)

    def read(item: Item, needs_text: bool) -> Delta | None:
        if request.observation is None:
            return None
        delta = request.wire_format.read(item, needs_text)
        if delta is None:
            return None
        delta.id = _unless_made_up(delta.id, _LITELLM_ID)
        # not at each chunk, for this looks through all that have come
        if delta.usage is not None or any(reason for _, reason in delta.finish_reasons):
            delta.usage = token_counts.of_stream(stream_ref(), delta.usage)
        return delta

    def read_rest() -> Delta | None:
        # with some providers the counts come after the last chunk
        if request.observation is None:
            return None
        usage = token_counts.of_stream(stream_ref(), None)
        return None if usage is None else Delta(usage=usage)

    awaits_usage = request.wire_format.usage_follows(request.arguments)
    return Reading(read, explain, rest=read_rest, awaits_usage=awaits_usage)


def _provider_id(litellm_id: str | None, raw: str) -> str | None:
    """Return the provider's id of an answer.

    LiteLLM makes up ids, and packs those of OpenAI's responses into longer ones.
    """
    answer = parse_json(raw) if raw.startswith("{") else None
    if isinstance(answer, dict):
        # the second is Gemini's
        return text(answer.get("id")) or text(answer.get("responseId"))
    return _unless_made_up(litellm_id, _LITELLM_ID if raw else _POSSIBLE_LITELLM_ID)


def _unless_made_up(litellm_id: str | None, made_up: re.Pattern[str]) -> str | None:
    if litellm_id is None or made_up.fullmatch(litellm_id):
        return None
    return _unpacked_id(litellm_id)


def _unpacked_id(litellm_id: str) -> str:
    """Return the provider's id inside one that LiteLLM has packed in base64, with its model."""
    try:
        content = base64.b64decode(litellm_id.removeprefix("resp_"), validate=True).decode()
    except ValueError:
        return litellm_id
    # an id of somebody else's that happens to be base64
    if not content.startswith("litellm:"):
        return litellm_id
    # `litellm:custom_llm_provider:...;model_id:...;response_id:...` (LiteLLM 1.110)
    return content.rpartition("response_id:")[2]
