"""Results of Anthropic's batches of messages: a line, or an object of the client's, for each one."""

from __future__ import annotations

from callspan.events import CANCELLED_BY_PROVIDER, Batch, BatchResult, Delta, Failure
from callspan.formats.anthropic.messages import MESSAGES
from callspan.formats.batches import batch_format
from callspan.formats.errors import error_message, failure_type
from callspan.formats.fields import Item, get, get_first, id_text, text


def _read(item: Item, needs_text: bool) -> Delta | None:
    """Read one result; `None` for an item that is none."""
    name = id_text(get(item, "custom_id"))
    result = get(item, "result")
    kind = text(get(result, "type"))
    if name is None or kind is None:
        return None
    if kind == "succeeded":
        answer = MESSAGES.read(get(result, "message"), needs_text)
        return _batch(BatchResult(name, MESSAGES.operation, answer))
    return _batch(BatchResult(name, MESSAGES.operation, failure=_failure(kind, result)))


def _batch(result: BatchResult) -> Delta:
    return Delta(batch=Batch((result,)))


def _failure(kind: str, result: Item) -> Failure:
    if kind == "canceled":
        return Failure(CANCELLED_BY_PROVIDER)
    error = get(result, "error")
    # the error lies in an answer of its own: `{"type": "error", "error": {...}}`
    error = get_first(error, "error") or error
    if error is None:
        return Failure(kind)  # `expired`
    return Failure(failure_type(error, "type"), error_message(error))


RESULTS = batch_format(_read, in_lines=True)
