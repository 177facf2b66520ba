"""Bedrock's reranking of documents, an operation of our own: the conventions have none for it."""

from __future__ import annotations

from typing import Any

from callspan.events import Content, MessagePart
from callspan.formats.fields import Body, Item, arguments_text, get, get_nested, items, text
from callspan.formats.format import Format, no_parameters, read_nothing
from callspan.formats.parts import text_parts, user_messages


def request(params: Body) -> dict[str, Any]:
    """Return the request of Rerank, with its model where other requests have it."""
    model = get_nested(
        params.get("rerankingConfiguration"),
        "bedrockRerankingConfiguration",
        "modelConfiguration",
        "modelArn",
    )
    return {**params, "model": model}


def content(body: Body) -> Content:
    """Return the queries, and the documents that may answer them."""
    pieces: list[MessagePart] = []
    for query in items(body.get("queries")):
        pieces += text_parts(text(get_nested(query, "textQuery", "text")))
    for source in items(body.get("sources")):
        pieces += text_parts(_document(get(source, "inlineDocumentSource")))
    return Content(user_messages(pieces))


def _document(document: Item) -> str | None:
    """Return a document, which is a text or an object, as text."""
    written = text(get_nested(document, "textDocument", "text"))
    if written is not None:
        return written
    return arguments_text(get(document, "jsonDocument"))


# the answer has the ranks alone, which are not recorded: neither tokens nor searches are stated
RERANK = Format("rerank", no_parameters, read_nothing, content)
