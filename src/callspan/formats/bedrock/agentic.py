"""Bedrock's agentic retrieval: a model plans searches of knowledge bases, and may write an answer.

The service states no tokens for it, and names no model where it chooses that by itself.
"""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Message, Parameters, Part
from callspan.formats.fields import (
    Body,
    Item,
    add_settings,
    get,
    get_first,
    get_nested,
    items,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.formats.parts import role_of, text_parts

_SERVICES = ("bedrockFoundationModelConfiguration", "mantleFoundationModelConfiguration")
"""The fields of the services that may run the model; a request has one of them."""


def request(params: Body) -> dict[str, Any]:
    """Return the request of AgenticRetrieveStream, with its model where other requests have it."""
    config = params.get("agenticRetrieveConfiguration")
    service = get_first(get(config, "foundationModelConfiguration"), *_SERVICES)
    return {**params, "model": get_nested(service, "modelConfiguration", "modelArn")}


def _generation_parameters(body: Body) -> Parameters:
    session = get_nested(body, "memoryConfiguration", "sessionBinding")
    values: Parameters = {"conversation_id": get(session, "sessionId")}
    return add_settings(_common_parameters(body), values)


def _search_parameters(body: Body) -> Parameters:
    base = _only_base(body)
    values: Parameters = {
        "data_source_id": get(base, "knowledgeBaseId"),
        "retrieval_top_k": get_nested(base, "retrievalOverrides", "maxNumberOfResults"),
    }
    return add_settings(_common_parameters(body), values)


def _common_parameters(body: Body) -> Parameters:
    guardrail = get_nested(body, "policyConfiguration", "bedrockGuardrailConfiguration")
    values: Parameters = {
        "guardrail_id": get(guardrail, "guardrailId"),
        "knowledge_base_id": get(_only_base(body), "knowledgeBaseId"),
    }
    return add_settings({}, values)


def _only_base(body: Body) -> Item:
    """Return the knowledge base that is searched; `None` if there are several.

    The conventions have a name for one source alone.
    """
    retrievers = items(body.get("retrievers"))
    if len(retrievers) != 1:
        return None
    return get_nested(retrievers[0], "configuration", "knowledgeBase")


def _generation_content(body: Body) -> Content:
    messages: list[Message] = []
    for message in items(body.get("messages")):
        parts = text_parts(_text_of(message))
        messages.append({"role": role_of(message), "parts": parts})
    return Content(messages)


def _search_content(body: Body) -> Content:
    """Return the latest message as the query, for the conventions have no messages of a search."""
    messages = items(body.get("messages"))
    return Content(query=_text_of(messages[-1]) if messages else None)


def _text_of(message: Item) -> str | None:
    return text(get_nested(message, "content", "text"))


def read_generation(event: Item, needs_text: bool) -> Delta | None:
    """Read one event: a piece of the answer. The last event repeats all of it, with citations."""
    fragment = text(get_nested(event, "responseEvent", "text"))
    if fragment is None or not needs_text:
        return None
    return Delta(parts=(Part(TEXT, fragment),))


def read_search(event: Item, needs_text: bool) -> Delta | None:
    """Read one event: the documents. The steps of the search, told by the others, are not read."""
    documents = get_nested(event, "result", "results")
    if documents is None or not needs_text:
        return None
    return Delta(result=[_document(item) for item in items(documents)])


def _document(item: Item) -> dict[str, Any]:
    return {"content": string(get_nested(item, "content", "text"))}


GENERATION = Format("chat", _generation_parameters, read_generation, _generation_content)
SEARCH = Format("retrieval", _search_parameters, read_search, _search_content)
