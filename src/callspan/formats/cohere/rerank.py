"""Cohere's reranking of documents, an operation of our own: the conventions have none for it."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Usage
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, count, get, id_text, items
from callspan.formats.format import Format


def _parameters(_body: Body) -> dict[str, Any]:
    return {}


def content(body: Body) -> Content:
    """What is asked, and the documents that may answer it."""
    documents = (
        item if isinstance(item, str) else get(item, "text")
        for item in items(body.get("documents"))
    )
    told = [
        {"type": TEXT, "content": said}
        for said in (body.get("query"), *documents)
        if isinstance(said, str)
    ]
    return Content(messages=[{"role": "user", "parts": told}] if told else [])


def read(answer: Any, _needs_text: bool) -> Delta | None:
    """A whole answer; what it ranks is the app's, and it is billed by searches where it states no tokens.

    Others who speak this format state one total, which is what was read: nothing is written.
    """
    meta = get(answer, "meta")
    total = count(meta, "billed_units", "total_tokens")
    found = read_usage(meta) or (Usage() if total else None)
    if found is not None and found.total is None:
        found.input = total or None
    return Delta(id=id_text(get(answer, "id")), usage=found)


RERANK = Format("rerank", _parameters, with_failures(read), content)
