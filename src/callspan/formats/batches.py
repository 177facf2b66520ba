"""The formats of all batches: of the answer about a batch, and of a file of its results.

Both have the id under `id`, wherever the client has it.
"""

from __future__ import annotations

from callspan.events import Parameters
from callspan.events.operations import FETCH_BATCH
from callspan.formats.fields import Body
from callspan.formats.format import Format, Read


def batch_format(read: Read, *, in_lines: bool = False) -> Format:
    """Return the format of an answer about a batch; with `in_lines` each line is a result."""
    return Format(FETCH_BATCH, _batch_parameters, read, in_lines=in_lines)


def file_format(read: Read) -> Format:
    """Return the format of a file with a result in each line."""
    return Format(FETCH_BATCH, _file_parameters, read, in_lines=True)


def _batch_parameters(body: Body) -> Parameters:
    return {"batch_id": body.get("id")}


def _file_parameters(body: Body) -> Parameters:
    return {"batch_file_id": body.get("id")}
