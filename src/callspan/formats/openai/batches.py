"""Batches of OpenAI's and of those that follow it, and the files with their results."""

from __future__ import annotations

from callspan.events import CANCELLED_BY_PROVIDER, Batch, BatchResult, Delta, Failure
from callspan.formats.batches import batch_format, file_format
from callspan.formats.errors import OTHER, error_message, failure_type, read_failure
from callspan.formats.fields import (
    Body,
    Item,
    all_fields,
    first_item,
    get,
    id_text,
    items,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import IMAGES, MODERATION
from callspan.formats.openai.responses import RESPONSES
from callspan.runtime.number import whole

_FORMATS = {
    "chat.completion": CHAT,
    "response": RESPONSES,
    "text_completion": COMPLETIONS,
    "embedding": EMBEDDINGS,
}
"""Formats by the type that an answer, or the first item of its list, states of itself."""
_FILES = (
    "output_file_id",
    "error_file_id",
    "output_file",  # Mistral, without `_id`
    "error_file",
)
"""Fields of a batch with the files that have its results."""
_SUCCESS = 400
"""HTTP statuses below this one are no errors."""


def _read_batch(answer: Item, needs_text: bool) -> Delta | None:
    """Read a batch: its results, where they stand in it, or the files that have them."""
    files = (id_text(get(answer, name)) for name in _FILES)
    results: list[BatchResult] = []
    for output in items(get(answer, "outputs")):
        results.append(_result(all_fields(output), needs_text))
    return Delta(
        batch=Batch(results, id_text(get(answer, "id")), tuple(file for file in files if file))
    )


def _read_line(line: Item, needs_text: bool) -> Delta | None:
    """Read one line of a file of results; `None` for a line of another file."""
    fields = all_fields(line)
    if "custom_id" not in fields or not {"response", "error"} & fields.keys():
        return None
    return Delta(batch=Batch((_result(fields, needs_text),)))


def _result(fields: Body, needs_text: bool) -> BatchResult:
    name = id_text(fields.get("id")) or id_text(fields.get("custom_id"))
    response = fields.get("response")
    body = get(response, "body")
    wire_format = _format_of(body)
    status = whole(get(response, "status_code"))
    error = fields.get("error")
    is_failed = error or body is None or (status or 0) >= _SUCCESS
    if is_failed:
        request_id = text(get(response, "request_id"))
        return BatchResult(
            name, wire_format.operation, failure=_failure(error, body, status, request_id)
        )
    return BatchResult(name, wire_format.operation, wire_format.read(body, needs_text))


def _format_of(body: Item) -> Format:
    """Return the format of an answer; that of a chat, as most batches are, for an error."""
    kind = text(get(body, "object"))
    if kind == "list":
        kind = text(get(first_item(get(body, "data")), "object"))
    if kind in _FORMATS:
        return _FORMATS[kind]
    # these two state no type
    if get(body, "results") is not None:
        return MODERATION
    if get(body, "data") is not None:
        return IMAGES
    return CHAT


def _failure(error: Item, body: Item, status: int | None, request_id: str | None) -> Failure:
    if error:
        kind, message = failure_type(error), error_message(error)
    else:
        failure = read_failure(body) or Failure(OTHER if status is None else str(status))
        kind, message = failure.type, failure.message
    # `batch_cancelled` is the app's own will
    if kind == "batch_cancelled":
        kind = CANCELLED_BY_PROVIDER
    return Failure(kind, message, status, request_id)


BATCH = batch_format(_read_batch)
FILE = file_format(_read_line)
ENDPOINTS = {
    "GET /batches/{id}": BATCH,
    "/batches/{id}/cancel": BATCH,
    "GET /files/{id}/content": FILE,
}
"""The endpoints at which batches and their results are read."""
