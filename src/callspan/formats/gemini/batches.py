"""Batches of the Gemini API: their results stand in the answer about a batch, or in a file of lines."""

from __future__ import annotations

from callspan.events import Batch, BatchResult, Delta, Failure, Usage
from callspan.formats.batches import batch_format, file_format
from callspan.formats.errors import error_message, failure_type
from callspan.formats.fields import Item, all_fields, get, get_first, get_nested, items, text
from callspan.formats.gemini.content import CONTENT
from callspan.formats.gemini.path import bare_model
from callspan.formats.gemini.predict import EMBEDDINGS
from callspan.runtime.number import token_count_in_header

_LISTS = ("inlinedResponses", "inlinedEmbedContentResponses")
"""Fields with results that stand in the batch: a list of the first name lies in each."""


def _read_batch(answer: Item, needs_text: bool) -> Delta | None:
    """Read a batch, which the Gemini API sends as an operation."""
    output = get_nested(answer, "metadata", "output") or get(answer, "response")
    results: list[BatchResult] = []
    for name in _LISTS:
        # in the order of the requests, and without names
        for item in items(get_nested(output, name, _LISTS[0])):
            results.append(_result(None, item, needs_text))
    file = text(get(output, "responsesFile"))
    files = () if file is None else (file,)
    model = bare_model(get_nested(answer, "metadata", "model"))
    return Delta(batch=Batch(results, text(get(answer, "name")), files, model))


def _read_line(line: Item, needs_text: bool) -> Delta | None:
    """Read one line of a file of results; `None` for a line of another file."""
    fields = all_fields(line)
    if not {"response", "error"} & fields.keys():
        return None
    return Delta(batch=Batch((_result(text(fields.get("key")), fields, needs_text),)))


def _result(name: str | None, item: Item, needs_text: bool) -> BatchResult:
    response = get(item, "response")
    wire_format = CONTENT
    if get(response, "embedding") is not None:
        wire_format = EMBEDDINGS
    error = get(item, "error")
    if error or response is None:
        failure = Failure(failure_type(error, "status", "code"), error_message(error))
        return BatchResult(name, wire_format.operation, failure=failure)
    answer = wire_format.read(response, needs_text)
    # of one embedding in a batch, as a text of digits
    tokens = token_count_in_header(get_first(response, "tokenCount"))
    if answer is not None and answer.usage is None and tokens is not None:
        answer.usage = Usage(input=tokens)
    return BatchResult(name, wire_format.operation, answer)


BATCH = batch_format(_read_batch)
FILE = file_format(_read_line)
