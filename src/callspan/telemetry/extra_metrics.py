"""Values of the opt-in metrics (`extra_metrics`) for a call that has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from callspan.events import Call, Outcome
from callspan.semconv import names
from callspan.semconv.attributes import Attributes

Amounts = Iterator[tuple[float, Attributes]]
"""Values to record, each with the attributes beside those of every call."""


def _active(call: Call) -> Amounts:
    # a call was counted as active at its start, by a counter that goes up and down; the result of a
    # batch never was
    if call.duration is not None:
        yield -1, {}


def _calls(call: Call) -> Amounts:
    if call.outcome is not None:
        yield 1, {names.OUTCOME: call.outcome.value}


def _retries(call: Call) -> Amounts:
    if call.retries:
        yield len(call.retries), {}


def _output_rate(call: Call) -> Amounts:
    """Yield output tokens per second of the whole call, as its reader waits for them."""
    usage = call.response.usage
    if call.outcome is not Outcome.COMPLETED or usage is None:
        return
    if usage.output and call.duration:
        yield usage.output / call.duration, {}


def _modality_tokens(call: Call) -> Amounts:
    usage = call.response.usage
    for side in ("input", "output"):
        for modality in ("text", "audio", "image"):
            # `usage` is `None` where the provider stated no counts
            tokens = getattr(usage, f"{side}_{modality}", None)
            if tokens:
                yield tokens, {names.OWN_TOKEN_TYPE: side, names.OWN_TOKEN_MODALITY: modality}


AMOUNTS: dict[str, Callable[[Call], Amounts]] = {
    "active": _active,
    "calls": _calls,
    "retries": _retries,
    "output_rate": _output_rate,
    "modality_tokens": _modality_tokens,
}
"""By the name of a metric in `extra_metrics`: the values to record, with further attributes."""
