"""Read LangChain's results and chunks as deltas: for models whose client nobody watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callspan.events import REASONING, TEXT, Delta, Details, Part, Usage
from callspan.formats.fields import count, get, items, text
from callspan.formats.parts import whole_part
from callspan.formats.usage import read_usage
from callspan.frameworks.langchain.message_reader import read_parts

_OWN_IDS = ("run-", "run--", "lc_run-", "lc_")
"""Starts of the ids that LangChain makes up where a provider states none."""
# OpenAI's name, Anthropic's and Ollama's, which LangChain's packages keep
_REASON_NAMES = ("finish_reason", "stop_reason", "done_reason")
Item = Any
"""A result, a generation or a message of LangChain's, or a part of one."""
Metadata = Mapping[str, Any]


def read(item: Item, needs_text: bool) -> Delta | None:
    """Return the delta of a whole result, or of one chunk of a stream."""
    if item is None:
        return None
    if hasattr(item, "generations"):
        return _read_result(item, needs_text)
    return _read_chunk(item)


def _read_chunk(item: Item) -> Delta:
    content = item if isinstance(item, str) else get(item, "text")
    if isinstance(content, str) and content:
        return Delta(parts=(Part(TEXT, content),))
    # an empty chunk: a sign of life, as at the start of a stream
    return Delta(parts=())


def _generations(result: Item) -> list[Item]:
    """Return the generations of a result, which LangChain groups by prompt."""
    generations: list[Item] = []
    for group in items(get(result, "generations")):
        generations.extend(items(group))
    return generations


def _read_result(result: Item, needs_text: bool) -> Delta:
    generations = _generations(result)
    output = result.llm_output if isinstance(result.llm_output, Mapping) else {}
    first_message = get(generations[0], "message") if generations else None
    metadata = get(first_message, "response_metadata") or {}
    parts: list[Part] = []
    reasons: list[tuple[int, str]] = []
    # generations are the choices of the call, also those of several prompts
    for index, generation in enumerate(generations):
        if needs_text:
            parts.extend(_parts(generation, index))
        reason = _finish_reason(generation)
        if reason:
            reasons.append((index, reason))
    return Delta(
        id=_response_id(first_message, metadata, output),
        model=_model(metadata, output),
        parts=parts,
        finish_reasons=reasons,
        usage=_usage(generations, output),
        details=_service_tier(metadata),
        # it repeats the text of the chunks, and replaces it
        whole=True,
        last=True,
    )


def _model(metadata: Metadata, output: Metadata) -> str | None:
    # the name differs between LangChain's packages
    for source, key in ((metadata, "model_name"), (metadata, "model"), (output, "model_name")):
        if source.get(key):
            return text(source.get(key))
    return None


def _response_id(message: Item, metadata: Metadata, output: Metadata) -> str | None:
    """Return the provider's id of the answer; `None` for an id that LangChain has made up."""
    response_id = text(metadata.get("id") or output.get("id") or get(message, "id"))
    if response_id is None or response_id.startswith(_OWN_IDS):
        return None
    return response_id


def _service_tier(metadata: Metadata) -> Details:
    tier = text(metadata.get("service_tier"))
    return {"service_tier": tier} if tier else {}


def _finish_reason(generation: Item) -> str | None:
    message = get(generation, "message")
    for source in (get(generation, "generation_info"), get(message, "response_metadata")):
        if not isinstance(source, Mapping):
            continue
        for name in _REASON_NAMES:
            if text(source.get(name)):
                return source[name]
    return None


def _parts(generation: Item, index: int) -> list[Part]:
    message = get(generation, "message")
    if message is None:
        return [Part(TEXT, get(generation, "text") or "", index)]
    return message_parts(message, index)


def message_parts(message: Item, index: int = 0) -> list[Part]:
    """Return the parts of a model's message, as those of the choice with this number."""
    parts: list[Part] = []
    for part in read_parts(message):
        if part["type"] in (TEXT, REASONING):
            parts.append(Part(part["type"], part.get("content", ""), index))
        else:
            parts.append(whole_part(part, choice=index))
    return parts


def _usage(generations: list[Item], output: Metadata) -> Usage | None:
    """Return LangChain's counts of the first message that has them, else the provider's own."""
    provider_usage = output.get("token_usage") or output.get("usage")
    for generation in generations:
        message = get(generation, "message")
        # the first that has counts: they are those of the whole request
        metadata = get(message, "usage_metadata")
        if metadata:
            response_metadata = get(message, "response_metadata")
            provider_usage = get(response_metadata, "token_usage") or provider_usage
            return _with_cost(_read_usage_metadata(metadata), provider_usage)
    return read_usage(provider_usage) if provider_usage else None


def _with_cost(usage: Usage | None, provider_usage: Item) -> Usage | None:
    """Add the cost that the provider states, for which LangChain has no name."""
    if usage is None or not provider_usage:
        return usage
    own_usage = read_usage(provider_usage)
    if own_usage is not None:
        usage.cost, usage.details = own_usage.cost, own_usage.details
    return usage


def _read_usage_metadata(metadata: Item) -> Usage | None:
    """Return counts by LangChain's names: input includes cached tokens, output the reasoning."""
    input_details = get(metadata, "input_token_details")
    output_details = get(metadata, "output_token_details")
    written = count(input_details, "cache_creation")
    hour = count(input_details, "ephemeral_1h_input_tokens")
    minutes = count(input_details, "ephemeral_5m_input_tokens")
    usage = Usage(
        input=count(metadata, "input_tokens"),
        output=count(metadata, "output_tokens"),
        cache_read=count(input_details, "cache_read"),
        cache_write=_cache_write(written, hour, minutes),
        cache_write_1h=hour,
        reasoning=count(output_details, "reasoning"),
        input_audio=count(input_details, "audio"),
        output_audio=count(output_details, "audio"),
    )
    return None if usage.states_nothing else usage


def _cache_write(total: int | None, hour: int | None, minutes: int | None) -> int | None:
    """Return the tokens written to caches.

    Where the counts of the two lifetimes are stated, the total may be left out or be 0.
    """
    by_lifetime = [tokens for tokens in (hour, minutes) if tokens is not None]
    if not by_lifetime:
        return total
    return max(sum(by_lifetime), total or 0)


def is_from_cache(result: Item) -> bool:
    """Whether LangChain's cache has answered, so that no model was called."""
    generations = _generations(result)
    if not generations:
        return False
    usage = get(get(generations[0], "message"), "usage_metadata")
    # LangChain writes a cost of 0 into the usage of a cached answer
    return isinstance(usage, Mapping) and usage.get("total_cost") == 0


def as_choice(delta: Delta | None, index: int) -> Delta:
    """Return the answer to one of a request's prompts as one choice of the request's answer."""
    if delta is None:
        return Delta()
    return replace(
        delta,
        whole=False,
        parts=[replace(part, choice=index) for part in delta.parts],
        finish_reasons=[(index, reason) for _, reason in delta.finish_reasons[:1]],
    )
