"""Bedrock's knowledge bases: what is found in them, and the answers that a model makes of that."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Part
from callspan.formats.bedrock.prompt import prompted
from callspan.formats.fields import Body, all_fields, get, get_nested, items, read_settings, text
from callspan.formats.format import Format

_BASE = "knowledgeBaseConfiguration"
_SETTINGS = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}


def generation(params: Body) -> dict[str, Any]:
    """What RetrieveAndGenerate is asked for, with its model where others have it."""
    wanted = params.get("retrieveAndGenerateConfiguration")
    settings = get(wanted, _BASE) or get(wanted, "externalSourcesConfiguration")
    return {**params, "model": get(settings, "modelArn"), _BASE: settings}


def _generation_parameters(body: Body) -> dict[str, Any]:
    settings = body.get(_BASE)
    making = get(settings, "generationConfiguration")
    told = {
        "conversation_id": body.get("sessionId"),
        "knowledge_base_id": get(settings, "knowledgeBaseId"),
        "guardrail_id": get_nested(making, "guardrailConfiguration", "guardrailId"),
    }
    found = read_settings(
        all_fields(get_nested(making, "inferenceConfig", "textInferenceConfig")), _SETTINGS
    )
    return found | {name: value for name, value in told.items() if value is not None}


def _generation_content(body: Body) -> Content:
    return prompted(get_nested(body, "input", "text"))


def read_generation(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole answer."""
    said = text(get_nested(answer, "output", "text"))
    return Delta(parts=(Part(TEXT, said),)) if said and needs_text else None


GENERATION = Format("chat", _generation_parameters, read_generation, _generation_content)


def _search_parameters(body: Body) -> dict[str, Any]:
    told = {
        "data_source_id": body.get("knowledgeBaseId"),
        "knowledge_base_id": body.get("knowledgeBaseId"),
        "retrieval_top_k": get_nested(
            body, "retrievalConfiguration", "vectorSearchConfiguration", "numberOfResults"
        ),
    }
    return {name: value for name, value in told.items() if value is not None}


def _search_content(body: Body) -> Content:
    return Content(query=text(get_nested(body, "retrievalQuery", "text")))


def read_search(answer: Any, needs_text: bool) -> Delta | None:
    """What was found."""
    found = items(get(answer, "retrievalResults"))
    return Delta(result=[_document(item) for item in found]) if needs_text else None


def _document(item: Any) -> dict[str, Any]:
    told = {"id": _address(get(item, "location")), "score": get(item, "score")}
    known = {name: value for name, value in told.items() if value is not None}
    return {**known, "content": text(get_nested(item, "content", "text")) or ""}


def _address(location: Any) -> str | None:
    """Where a document lies: each kind of place names it in a field of its own."""
    return next(
        (
            text(value)
            for place in all_fields(location).values()
            for value in all_fields(place).values()
        ),
        None,
    )


SEARCH = Format("retrieval", _search_parameters, read_search, _search_content)
