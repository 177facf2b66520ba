"""Cohere's reranking of documents, an operation of our own: the conventions have none for it."""

from __future__ import annotations

from callspan.events import Content, Delta, Usage
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, count, get, id_text, items
from callspan.formats.format import Format, no_parameters
from callspan.formats.parts import text_part, user_messages


def content(body: Body) -> Content:
    """Return the query, and the documents that may answer it."""
    texts = [body.get("query")]
    # texts, or objects that have one
    for document in items(body.get("documents")):
        texts.append(document if isinstance(document, str) else get(document, "text"))
    pieces = [text_part(item) for item in texts if isinstance(item, str)]
    return Content(user_messages(pieces))


def read(answer: Item, _needs_text: bool) -> Delta | None:
    """Read a whole answer without its ranks. It is billed by searches if it states no tokens.

    Other servers that speak this format state one total, which is input: nothing is written.
    """
    meta = get(answer, "meta")
    usage = read_usage(meta)
    total = count(meta, "billed_units", "total_tokens")
    # Together has the names of OpenAI's chat
    if meta is None:
        total = count(answer, "usage", "prompt_tokens")
    if total:
        if usage is None:
            usage = Usage()
        if usage.total is None:
            usage.input = total
    return Delta(id=id_text(get(answer, "id")), usage=usage)


RERANK = Format("rerank", no_parameters, with_failures(read), content)
