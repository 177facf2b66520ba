"""The pages: lists, a trace, a session, figures and a comparison, as HTML that is made here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from callspan.export.conversation import Conversation, count_repeated, read_conversation
from callspan.semconv import names
from callspan.view import charts, queries, wording
from callspan.view.call_facts import facts, without_content
from callspan.view.queries import Filter
from callspan.view.sessions import read_turns
from callspan.view.spans import SpanRecord
from callspan.view.store import Store
from callspan.view.tree import Tree, TreeRow

_FOLDER = Path(__file__).parent
_POLL_SECONDS = 0.4
_MOST_ROWS = 2_000
"""How many rows of a tree one page has; the rest is a link away."""
# nothing of a model's text may become a tag or fetch a picture (tests/view/test_pages.py)
_markdown = MarkdownIt("commonmark", {"html": False}).disable(["image"])


def _demote_headings(state: StateCore) -> None:
    """Make headings of a text bold lines: they are no headings of the page, whose order is its own."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
        if token.type == "heading_open":
            token.attrSet("class", "heading")


_markdown.core.ruler.push("headings", _demote_headings)


def _render_markdown(text: str) -> Markup:
    """Return text as HTML. Tags in it stay text, and pictures, which would be fetched, are links."""
    return Markup(_markdown.render(text))


_environment = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    # attributes of spans are not to be trusted: every value is escaped but for `Markup`
    autoescape=True,
    # a name that a template has wrong is an error, and not an empty place on the page
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(wording.FILTERS, markdown=_render_markdown)
_environment.globals.update(took=wording.took, number_of=wording.number_of)


def traces(request: Request) -> Response:
    """List the newest traces, with sums by model above."""
    store = _store(request)
    wanted = Filter.from_query(request.query_params)
    listed = queries.find_traces(store, wanted)
    models = queries.sum_by_model(store, wanted)
    # a page that is not full is the last one
    more = queries.place(listed[-1]) if len(listed) == queries.PAGE_SIZE else None
    return _page(
        "traces.html",
        wanted=wanted,
        traces=listed,
        models=models,
        total=wording.total(models),
        next_page=_next(request, more),
        choices={name: queries.choices(store, name) for name in ("model", "provider", "service")},
        is_empty=not listed and not wanted.is_active,
        address=str(request.base_url).rstrip("/"),
    )


def trace(request: Request) -> Response:
    """Show a trace as a tree on a time axis, and one of its spans in full."""
    spans = _store(request).trace(request.path_params["trace_id"])
    if not spans:
        return _missing("This trace is not kept here (any more).")
    tree = Tree(spans)
    # all of them, as sums and the chosen span may lie beyond the rows that are drawn
    rows = list(tree.rows())
    start = max(0, _integer(request.query_params.get("from")))
    chosen = _chosen(rows, request.query_params.get("span"))
    return _page(
        "trace.html",
        trace_id=spans[0].trace_id,
        title=rows[0].span.name,
        session=next((span.session for span in spans if span.session), ""),
        tree=tree,
        rows=rows[start : start + _MOST_ROWS],
        rows_before=start > 0,
        rows_after=len(rows) > start + _MOST_ROWS,
        first_row=start,
        page_rows=_MOST_ROWS,
        chosen=chosen,
        **_call(chosen, rows),
    )


def session(request: Request) -> Response:
    """Show the traces of a session as one conversation, the oldest first."""
    name = request.path_params["session"]
    # a bound, as a session may go on for ever
    listed = queries.find_traces(_store(request), Filter(session=name), limit=500)
    if not listed:
        return _missing("No trace of this session is kept here.")
    turns = read_turns(_store(request), list(reversed(listed)))
    return _page("session.html", session=name, turns=turns)


def figures(request: Request) -> Response:
    """Draw tokens, cost and durations over time."""
    return _page("figures.html", figures=charts.draw(_store(request)), charts=charts)


def compare(request: Request) -> Response:
    """Show two calls side by side; each is named `TRACE:SPAN`."""
    calls = [_named(request, side) for side in ("left", "right")]
    if None in calls:
        return _missing("Two calls are needed: ?left=TRACE:SPAN&right=TRACE:SPAN")
    sides = [
        {"span": span, "facts": facts(span), "conversation": read_conversation(span.attributes)}
        for span in calls
        if span is not None
    ]
    repeated = count_repeated(sides[0]["conversation"], sides[1]["conversation"])
    return _page("compare.html", sides=sides, repeated=repeated)


def save(request: Request) -> Response:
    """Save one trace as JSON, without what was said unless `content=1` asks for it."""
    trace_id = request.path_params["trace_id"]
    spans = _store(request).trace(trace_id)
    if not spans:
        return _missing("This trace is not kept here (any more).")
    has_content = request.query_params.get("content") == "1"
    document = [_saved(span, has_content) for span in spans]
    headers = {"content-disposition": f'attachment; filename="trace-{trace_id}.json"'}
    return JSONResponse({"trace_id": trace_id, "spans": document}, headers=headers)


async def changes(request: Request) -> Response:
    """Tell the page, as server-sent events, each time that something has come in."""
    store = _store(request)

    async def events() -> AsyncIterator[str]:
        version = store.version
        # at once, so that a page that was away sees whether it has missed something
        yield f"retry: 1000\ndata: {version}\n\n"
        while not await request.is_disconnected():
            # asked and not waited for: a thread for each open page would be needed to wait
            await asyncio.sleep(_POLL_SECONDS)
            if store.version != version:
                version = store.version
                yield f"data: {version}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _call(row: TreeRow, rows: Sequence[TreeRow]) -> dict[str, Any]:
    """Return what the pane of one span needs: its facts, its conversation, and what of it is not new."""
    conversation = read_conversation(row.span.attributes)
    earlier = _call_before(row, rows)
    return {
        "facts": facts(row.span),
        "conversation": conversation,
        "repeated": count_repeated(earlier, conversation) if earlier is not None else 0,
        "is_captured": bool(conversation.sent or conversation.received),
        "attributes": sorted(without_content(row.span).items()),
        "elided": row.span.attributes.get(names.CONTENT_ELIDED),
    }


def _call_before(row: TreeRow, rows: Sequence[TreeRow]) -> Conversation | None:
    """Return the last conversation in the trace before a call."""
    before = [each.span for each in rows if each.span.is_call and each.span.start < row.span.start]
    if not before:
        return None
    return read_conversation(max(before, key=lambda span: span.start).attributes)


def _chosen(rows: Sequence[TreeRow], span_id: str | None) -> TreeRow:
    """Return the row that the address names, else that of the first call, else the first."""
    for row in rows:
        if row.span.span_id == span_id:
            return row
    return next((row for row in rows if row.span.is_call), rows[0])


def _named(request: Request, side: str) -> SpanRecord | None:
    trace_id, _, span_id = request.query_params.get(side, "").partition(":")
    return _store(request).span(trace_id, span_id)


def _saved(span: SpanRecord, has_content: bool) -> dict[str, Any]:
    saved = asdict(span)
    if not has_content:
        saved["attributes"] = without_content(span)
        saved["events"] = [
            {"name": event.name, "time": event.time} for event in span.events
        ]  # fmt: skip  messages of exceptions may quote the conversation
        saved["message"] = ""
    return saved


def _next(request: Request, before: str | None) -> str | None:
    if before is None:
        return None
    return str(request.url.include_query_params(before=before).query)


def _store(request: Request) -> Store:
    return request.app.state.store


def _page(template: str, **values: Any) -> Response:
    return HTMLResponse(_environment.get_template(template).render(**values))


def _missing(reason: str) -> Response:
    html = _environment.get_template("missing.html").render(reason=reason)
    return HTMLResponse(html, 404)


def _integer(text: str | None) -> int:
    # nine digits at most: no page has more rows, and `int` refuses very long texts
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0
