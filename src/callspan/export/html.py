"""Trees and tables as HTML for a notebook: no script, nothing fetched, each text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from callspan.export.quotes import Quote
from callspan.export.span_summary import SpanSummary
from callspan.export.text import token_table
from callspan.export.text.arrangement import BOXES, Line, arrange
from callspan.export.text.width import one_line
from callspan.export.token_sums import ModelSums

# styles in the elements, as a notebook keeps no style sheet of ours when it is shown elsewhere
_NAME = "text-align:left;white-space:pre;font-family:monospace"
_TEXT = "text-align:left"
_NUMBER = "text-align:right"
_ERROR = "text-align:left;color:#b00020"
_DIM = "text-align:left;opacity:0.7"
_COLUMNS = 5


def tree_html(spans: Sequence[SpanSummary], *, has_servers: bool) -> str:
    """Return spans as a table of HTML whose first column is a tree.

    Args:
        spans: The spans, in any order.
        has_servers: Whether to name the servers that a provider's name does not tell.
    """
    rows: list[str] = []
    for line in arrange(spans, BOXES, has_servers):
        rows.append(_row(_cells(line)))
        rows += [_quote(line, quote) for quote in line.quotes]
    return _table(rows)


def table_html(models: Mapping[str, ModelSums]) -> str:
    """Return the table of tokens by model as HTML."""
    rows: list[str] = []
    for cells in zip(*token_table.columns(models), strict=True):
        name, *numbers = cells
        rows.append(_row([_cell(name, _TEXT), *[_cell(each, _NUMBER) for each in numbers]]))
    return _table(rows)


def _cells(line: Line) -> Iterator[str]:
    row = line.row
    yield _cell(line.label, _NAME)
    yield _cell(row.tokens or ", ".join(line.sums), _TEXT)
    yield _cell(row.first_chunk, _NUMBER)
    yield _cell(row.duration, _NUMBER)
    if row.error:
        yield _cell(", ".join([row.error, *row.notes]), _ERROR)
    else:
        yield _cell(", ".join(filter(None, [*row.notes, line.trace])), _DIM)


def _quote(line: Line, quote: Quote) -> str:
    role = _cell(f"{line.quotes_indent}{one_line(quote.role)}", f"{_NAME};opacity:0.7")
    # a quote has at most 300 characters, which a page breaks as it likes
    text = _cell(one_line(quote.text, 2 * len(quote.text)), _TEXT, span=_COLUMNS - 1)
    return _row([role, text])


def _cell(text: str, style: str, span: int = 1) -> str:
    columns = f' colspan="{span}"' if span > 1 else ""
    return f'<td style="{style}"{columns}>{escape(text)}</td>'


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _table(rows: Sequence[str]) -> str:
    return f"<table><tbody>{''.join(rows)}</tbody></table>"
