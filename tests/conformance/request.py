"""What a span tells of a request, held against the request itself as it went over the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .finding import Finding
from .rules import STOPS, broken
from .span import describe

Body = Mapping[str, Any]
Reader = Callable[[Body], Any]


def _at(*path: str) -> Reader:
    def read(body: Body) -> Any:
        value: Any = body
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return read


def _unless(default: Any, read: Reader) -> Reader:
    return lambda body: None if read(body) == default else read(body)


def _double(read: Reader) -> Reader:
    return lambda body: None if read(body) is None else float(read(body))


def _either(*readers: Reader) -> Reader:
    return lambda body: next((found for read in readers if (found := read(body)) is not None), None)


def _listed(read: Reader) -> Reader:
    def found(body: Body) -> Any:
        value = read(body)
        return [value] if isinstance(value, str) else value

    return found


def _output_type(read: Reader) -> Reader:
    def found(body: Body) -> Any:
        kind = read(body)
        if kind in ("json_object", "json_schema"):
            return "json"
        return (
            "text"
            if kind == "text"
            else "speech"
            if "audio" in (body.get("modalities") or ())
            else None
        )

    return found


_SAMPLING: dict[str, Reader] = {
    "gen_ai.request.model": _at("model"),
    "gen_ai.request.temperature": _double(_at("temperature")),
    "gen_ai.request.top_p": _double(_at("top_p")),
    "openai.request.service_tier": _unless("auto", _at("service_tier")),
    "gen_ai.request.stream": _unless(False, _at("stream")),
}
_COMPLETION: dict[str, Reader] = {
    **_SAMPLING,
    "gen_ai.request.top_k": _at("top_k"),
    "gen_ai.request.max_tokens": _either(_at("max_completion_tokens"), _at("max_tokens")),
    STOPS: _listed(_at("stop")),
    "gen_ai.request.seed": _at("seed"),
    "gen_ai.request.frequency_penalty": _double(_at("frequency_penalty")),
    "gen_ai.request.presence_penalty": _double(_at("presence_penalty")),
    "gen_ai.request.choice.count": _unless(1, _at("n")),
}
OPENAI: dict[str, dict[str, Reader]] = {
    "/chat/completions": {
        **_COMPLETION,
        "gen_ai.request.reasoning.level": _at("reasoning_effort"),
        "gen_ai.output.type": _output_type(_at("response_format", "type")),
        "openai.api.type": lambda _body: "chat_completions",
    },
    "/completions": _COMPLETION,
    "/responses": {
        **_SAMPLING,
        "gen_ai.request.max_tokens": _at("max_output_tokens"),
        "gen_ai.request.reasoning.level": _at("reasoning", "effort"),
        "gen_ai.request.previous_response.id": _at("previous_response_id"),
        "gen_ai.output.type": _output_type(_at("text", "format", "type")),
        "gen_ai.conversation.id": _either(_at("conversation", "id"), _at("conversation")),
        "openai.api.type": lambda _body: "responses",
    },
    "/embeddings": {
        "gen_ai.request.model": _at("model"),
        "gen_ai.request.encoding_formats": _listed(_at("encoding_format")),
    },
    "/moderations": {"gen_ai.request.model": _at("model")},
}
"""By the end of the path, each attribute of the request and where the body has it."""
_MORE = (
    "gen_ai.output.type",
    "gen_ai.conversation.id",
    "openai.api.type",
    "openai.request.service_tier",
)


def check_request(span: Any, path: str, body: Body) -> Iterator[Finding]:
    """Every attribute of the request that the span has, and that it should have."""
    table = next((rows for end, rows in OPENAI.items() if path.endswith(end)), None)
    if table is None:
        return
    attributes, signal = span.attributes or {}, describe(span)
    told = {key for key in attributes if key.startswith("gen_ai.request.") or key in _MORE}
    for key in sorted(told | set(table)):
        wanted, found = table.get(key, lambda _body: None)(body), attributes.get(key)
        found = list(found) if isinstance(found, tuple) else found
        if wanted == found or (found is None and key == STOPS):
            continue
        rule = (
            "request.unsent"
            if wanted is None
            else "request.missing"
            if found is None
            else "request.differs"
        )
        yield broken(rule, signal, key, (wanted, found))
