"""Bedrock's knowledge bases: searches in them, and answers that a model makes of the results."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, ParameterName, Parameters, Part
from callspan.formats.fields import (
    Body,
    Item,
    add_settings,
    all_fields,
    get,
    get_first,
    get_nested,
    items,
    read_settings,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.formats.parts import prompt_content

_BASE = "knowledgeBaseConfiguration"
_SETTINGS: dict[str, ParameterName] = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}


def generation_request(params: Body) -> dict[str, Any]:
    """Return the request of RetrieveAndGenerate, with its model where other requests have it."""
    config = params.get("retrieveAndGenerateConfiguration")
    # documents of the app's in place of a base are described by the same fields
    base = get_first(config, _BASE, "externalSourcesConfiguration")
    return {**params, "model": get(base, "modelArn"), _BASE: base}


def _generation_parameters(body: Body) -> Parameters:
    base = body.get(_BASE)
    config = get(base, "generationConfiguration")
    inference = get_nested(config, "inferenceConfig", "textInferenceConfig")
    values: Parameters = {
        "conversation_id": body.get("sessionId"),
        "knowledge_base_id": get(base, "knowledgeBaseId"),
        "guardrail_id": get_nested(config, "guardrailConfiguration", "guardrailId"),
    }
    return add_settings(read_settings(all_fields(inference), _SETTINGS), values)


def _generation_content(body: Body) -> Content:
    return prompt_content(text(get_nested(body, "input", "text")))


def read_generation(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole answer."""
    # neither tokens nor a reason are stated; citations repeat the text
    delta = Delta()
    session = text(get(answer, "sessionId"))
    if session:
        # the service begins a session where the request names none
        delta.details = {"conversation_id": session}
    fragment = text(get_nested(answer, "output", "text"))
    if fragment is not None and needs_text:
        delta.parts = (Part(TEXT, fragment),)
    return delta


def _search_parameters(body: Body) -> Parameters:
    config = get_nested(body, "retrievalConfiguration", "vectorSearchConfiguration")
    values: Parameters = {
        # under two names: the conventions' general one, and theirs for Bedrock
        "data_source_id": body.get("knowledgeBaseId"),
        "knowledge_base_id": body.get("knowledgeBaseId"),
        "retrieval_top_k": get(config, "numberOfResults"),
    }
    return add_settings({}, values)


def _search_content(body: Body) -> Content:
    return Content(query=text(get_nested(body, "retrievalQuery", "text")))


def read_search(answer: Item, needs_text: bool) -> Delta | None:
    """Read the results of a search."""
    if not needs_text:
        return None
    results = items(get(answer, "retrievalResults"))
    return Delta(result=[_document(item) for item in results])


def _document(item: Item) -> dict[str, Any]:
    document: dict[str, Any] = {}
    address = _address(get(item, "location"))
    if address is not None:
        document["id"] = address
    score = get(item, "score")
    if score is not None:
        document["score"] = score
    document["content"] = string(get_nested(item, "content", "text"))
    return document


def _address(location: Item) -> str | None:
    """Return where a document lies; each kind of storage names it in a field of its own."""
    # beside the storage stands its `type`, a text, which has no fields
    for storage in all_fields(location).values():
        for value in all_fields(storage).values():
            return text(value)
    return None


GENERATION = Format("chat", _generation_parameters, read_generation, _generation_content)
SEARCH = Format("retrieval", _search_parameters, read_search, _search_content)
