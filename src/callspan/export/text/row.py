"""The summary of a span as the cells of one line: name, tokens, times, and how it failed."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.events.operations import facts_of
from callspan.export.call_sums import CallSums
from callspan.export.span_summary import ModelCall, SpanError, SpanSummary
from callspan.export.text.width import one_line
from callspan.semconv.providers import provider as provider_at

_LOCAL_HOSTS = ("localhost", "127.", "::1", "0.0.0.0")
_OPENAI_HOST = "api.openai.com"
_DEFAULT_PORTS = (None, 443)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line; an empty text is a cell in which nothing stands.

    Attributes:
        name: The name of the span.
        duration: How long it took, such as `0.48 s`.
        error: How it failed, such as `error rate_limit (429)`.
        tokens: Tokens, such as `24 → 9 tokens`.
        first_chunk: The time to the first chunk, such as `first 0.12 s`.
        notes: Whatever else is special about it, each in a cell of its own at the end.
        is_model_call: Whether the cells of tokens and times are aligned with those of other calls.
    """

    name: str
    duration: str
    error: str
    tokens: str
    first_chunk: str
    notes: tuple[str, ...]
    is_model_call: bool


def row_of(span: SpanSummary, has_server: bool = True, now: int | None = None) -> Row:
    """Return the cells of a span's line.

    Args:
        span: The span.
        has_server: Whether to name the server's address, if it says more than the provider.
        now: The time by which an open span is told how long it has run; `None` says only that it is open.
    """
    error = _error(span.error)
    call = span.model_call
    tokens = first_chunk = ""
    if call is not None:
        # a call that failed before it was answered has nothing to count
        tokens = tokens_text(call) if call.has_usage or not error else ""
        first_chunk = _first_chunk(call)
    return Row(
        one_line(span.name),
        _duration(span, now),
        error,
        tokens,
        first_chunk,
        tuple(_notes(span, has_server)),
        call is not None,
    )


def seconds(value: float) -> str:
    """Return a time for people: 4.2 ms, 0.48 s, 12.3 s, 2 min 05 s."""
    # the limits lie where the next unit begins after rounding
    if value < 0.00995:
        return f"{value * 1000:.1f} ms"
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def dollars(value: float) -> str:
    """Return a cost for people, with two digits that are not zero: $1.25, $0.00054, <$0.000001."""
    # above this two digits behind the point are enough to have two that are not zero
    if value == 0 or value >= 0.995:
        return f"${value:.2f}"
    if value >= 1e-4:
        return f"${value:.2g}"
    if value < 1e-6:
        return "<$0.000001"
    decimals = 6 if value >= 9.95e-6 else 7
    return f"${value:.{decimals}f}"  # below 0.0001, `g` would write an exponent


def tokens_text(call: ModelCall) -> str:
    """Return `24 → 9 tokens`, with cached and reasoning tokens if any; `?` is a missing number."""
    request = _count(call.input_tokens, call.is_estimated) + _part(call.cache_read_tokens, "cached")
    if not facts_of(call.operation).has_output_tokens:
        return f"{request} tokens"
    answer = _count(call.output_tokens, call.is_estimated) + _part(
        call.reasoning_tokens, "reasoning"
    )
    unit = "" if answer == "?" else " tokens"
    return f"{request} → {answer}{unit}"


def sums_text(sums: CallSums) -> tuple[str, ...]:
    """Return the cells of the calls below a span: `3 calls`, `55 → 9 tokens`, `$0.0012`."""
    request = _count(sums.input_tokens, sums.is_estimated)
    answer = _count(sums.output_tokens, sums.is_estimated)
    tokens = f"{request} → {answer} tokens"
    if sums.unknown:
        tokens += f" ({sums.unknown} unknown)"
    cells = [f"{sums.calls} calls", tokens]
    if sums.cost is not None:
        cells.append(dollars(sums.cost))
    return tuple(cells)


def _count(number: float | None, is_estimated: bool) -> str:
    if number is None:
        return "?"
    return f"~{number}" if is_estimated else str(number)


def _part(number: float | None, name: str) -> str:
    return f" ({number} {name})" if number else ""


def _duration(span: SpanSummary, now: int | None) -> str:
    if span.end is not None:
        return seconds((span.end - span.start) / 1e9)
    if now is None:
        return "not ended"
    # whole seconds, as digits that change all the time draw the eye
    minutes, rest = divmod(max(0, now - span.start) // 1_000_000_000, 60)
    return f"running {minutes} min {rest:02d} s" if minutes else f"running {rest} s"


def _first_chunk(call: ModelCall) -> str:
    if call.time_to_first_chunk is None:
        return ""
    return f"first {seconds(call.time_to_first_chunk)}"


def _error(error: SpanError | None) -> str:
    if error is None:
        return ""
    text = f"error {one_line(error.type)}".rstrip()
    status = error.http_status
    # where there is no better word, the conventions have the status as the type too
    if status is None or str(status) == error.type:
        return text
    return f"{text} ({status})"


def _notes(span: SpanSummary, has_server: bool) -> list[str]:
    notes: list[str] = []
    if span.outcome in ("abandoned", "interrupted", "cancelled"):
        notes.append(span.outcome)
    if span.model_call is not None:
        notes += _call_notes(span.model_call, has_server)
    if span.ended_after_root:
        notes.append("(late)")
    return notes


def _call_notes(call: ModelCall, has_server: bool) -> list[str]:
    notes: list[str] = []
    if call.attempts is not None and int(call.attempts) > 1:
        notes.append(f"{call.attempts} attempts")
    if call.cost is not None:
        notes.append(dollars(call.cost))
    if call.usage_source == "requested":
        notes.append("usage requested")
    elif call.usage_source:
        notes.append(f"usage by {call.usage_source}")
    if has_server and is_unusual_server(call):
        notes.append(_server(call))
    return notes


def _server(call: ModelCall) -> str:
    if call.server_port in _DEFAULT_PORTS:
        return f"at {call.server_address}"
    return f"at {call.server_address}:{call.server_port}"


def is_unusual_server(call: ModelCall) -> bool:
    """Whether the address says more than the provider's name does."""
    host = call.server_address
    if not host:
        return False
    # `openai` stands for every server that is compatible with it
    if call.provider in ("", "openai"):
        return host != _OPENAI_HOST
    if host.startswith(_LOCAL_HOSTS):
        return True
    by_address = provider_at(host, None, "")
    if by_address:
        # one company's services share hosts: `gcp.gen_ai` may stand for that of `gcp.gemini`
        return by_address.split(".")[0] != call.provider.split(".")[0]
    # a whole word of the host: `x` of `x_ai` is a letter of many others
    brand = call.provider.replace("_", ".").split(".")[0]
    return brand not in host.lower().replace("-", ".").split(".")
