"""What a model's run gave, as LangChain tells it: for models whose client nobody watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callspan.events import TEXT, TOOL_CALL, Delta, Part, Usage
from callspan.formats.fields import count, get, items, text
from callspan.formats.openai.usage import read_usage
from callspan.frameworks.langchain.message_reader import parts

_OWN_IDS = ("run-", "run--", "lc_run-", "lc_")


def read(item: Any, full: bool) -> Delta | None:
    """A whole result, or one chunk of a stream."""
    if item is None:
        return None
    return _whole(item, full) if hasattr(item, "generations") else _chunk(item)


def _chunk(item: Any) -> Delta:
    said = item if isinstance(item, str) else get(item, "text")
    return Delta(parts=(Part(TEXT, said),) if isinstance(said, str) and said else ())


def _whole(result: Any, full: bool) -> Delta:
    generations = [one for group in items(result.generations) for one in items(group)]
    output = result.llm_output if isinstance(result.llm_output, Mapping) else {}
    message = get(generations[0], "message") if generations else None
    metadata = get(message, "response_metadata") or {}
    return Delta(
        id=_id(message, metadata, output),
        model=text(metadata.get("model_name") or metadata.get("model") or output.get("model_name")),
        parts=[part for index, one in enumerate(generations) for part in _parts(one, index)]
        if full
        else (),
        finish_reasons=[
            (index, _reason(one)) for index, one in enumerate(generations) if _reason(one)
        ],
        usage=_usage(generations, output),
        details=_tier(metadata),
        whole=True,
        last=True,
    )


def _id(message: Any, metadata: Mapping[str, Any], output: Mapping[str, Any]) -> str | None:
    """The provider's id of the answer; LangChain makes one up where there is none."""
    found = text(metadata.get("id") or output.get("id") or get(message, "id"))
    return None if found is None or found.startswith(_OWN_IDS) else found


def _tier(metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = text(metadata.get("service_tier"))
    return {"service_tier": found} if found else {}


def _reason(generation: Any) -> str | None:
    for source in (
        get(generation, "generation_info"),
        get(get(generation, "message"), "response_metadata"),
    ):
        for name in ("finish_reason", "stop_reason", "done_reason"):
            if isinstance(source, Mapping) and text(source.get(name)):
                return source[name]
    return None


def _parts(generation: Any, index: int) -> list[Part]:
    message = get(generation, "message")
    if message is None:
        return [Part(TEXT, get(generation, "text") or "", index)]
    found = []
    for part in parts(message):
        rest = {key: value for key, value in part.items() if key != "type"}
        if part["type"] in (TEXT, "reasoning"):
            found.append(Part(part["type"], part["content"], index))
        else:
            found.append(
                Part(
                    TOOL_CALL if part["type"] == TOOL_CALL else part["type"],
                    choice=index,
                    data=rest,
                )
            )
    return found


def _usage(generations: list[Any], output: Mapping[str, Any]) -> Usage | None:
    stated = output.get("token_usage") or output.get("usage")
    for one in generations:
        message = get(one, "message")
        found = get(message, "usage_metadata")
        if found:
            stated = get(get(message, "response_metadata"), "token_usage") or stated
            return _with_billing(_of_metadata(found), stated)
    return read_usage(stated) if stated else None


def _with_billing(found: Usage | None, stated: Any) -> Usage | None:
    """Add what the provider's own counts say of the cost, for which LangChain has no name."""
    own = read_usage(stated) if found is not None and stated else None
    if found is not None and own is not None:
        found.cost, found.details = own.cost, own.details
    return found


def _of_metadata(stated: Any) -> Usage | None:
    """Counts by LangChain's names: input includes what was cached, output the reasoning."""
    sent, said = get(stated, "input_token_details"), get(stated, "output_token_details")
    written = count(sent, "cache_creation")
    hour, minutes = (
        count(sent, "ephemeral_1h_input_tokens"),
        count(sent, "ephemeral_5m_input_tokens"),
    )
    found = Usage(
        input=count(stated, "input_tokens"),
        output=count(stated, "output_tokens"),
        cache_read=count(sent, "cache_read"),
        cache_write=_most(written, hour, minutes),
        cache_write_1h=hour,
        reasoning=count(said, "reasoning"),
        input_audio=count(sent, "audio"),
        output_audio=count(said, "audio"),
    )
    return None if found.states_nothing else found


def from_cache(result: Any) -> bool:
    """Whether the answer was LangChain's cache's, so that no model was called."""
    generations = [
        one for group in items(getattr(result, "generations", None)) for one in items(group)
    ]
    usage = get(get(generations[0], "message"), "usage_metadata") if generations else None
    return isinstance(usage, Mapping) and usage.get("total_cost") == 0


def at_choice(delta: Delta | None, index: int) -> Delta:
    """An answer to one of several prompts of a request, as one choice of the request's answer."""
    if delta is None:
        return Delta()
    return replace(
        delta,
        whole=False,
        parts=[replace(part, choice=index) for part in delta.parts],
        finish_reasons=[(index, reason) for _, reason in delta.finish_reasons[:1]],
    )


def _most(written: int | None, hour: int | None, minutes: int | None) -> int | None:
    """Return what was written to caches: where lifetimes are stated the sum may be left out, or be 0."""
    parts = [number for number in (hour, minutes) if number is not None]
    known = [number for number in (written, sum(parts) if parts else None) if number is not None]
    return max(known, default=None)
