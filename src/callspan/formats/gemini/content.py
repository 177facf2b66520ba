"""Gemini's generateContent: whole, or streamed as answers that each hold new parts."""

from __future__ import annotations

from callspan.events import Content, Delta, Failure, ParameterName, Parameters, Part, Usage
from callspan.formats.errors import error_message, failure_type
from callspan.formats.fields import (
    Body,
    Item,
    add_settings,
    get,
    get_first,
    get_nested,
    id_text,
    index_of,
    items,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.gemini import parts
from callspan.formats.gemini.usage import read_tier, read_usage

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "candidateCount": "choices",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
_OUTPUT_TYPES = {"IMAGE": "image", "AUDIO": "speech"}
_MIME_TYPES = {"application/json": "json", "text/plain": "text"}


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    config = body.get("generationConfig")
    settings = read_settings(config, _SETTINGS)
    # by either name, as versions of the client differ in it
    level = text(parts.get_either(get(config, "thinkingConfig"), "thinkingLevel"))
    if level:
        # Google writes levels in capitals
        settings["reasoning_level"] = level.lower()
    values: Parameters = {
        "output_type": _output_type(config),
        "service_tier": text(body.get("serviceTier")),
    }
    return add_settings(settings, values)


def _output_type(config: Item) -> str | None:
    # an image or a sound may come beside text, and is what the call is for
    for modality in items(get(config, "responseModalities")):
        output_type = _OUTPUT_TYPES.get(str(modality).upper())
        if output_type:
            return output_type
    if get_first(config, "responseSchema", "responseJsonSchema"):
        return "json"
    return _MIME_TYPES.get(str(get(config, "responseMimeType")))


def content(body: Body) -> Content:
    """Return the system instruction, the conversation and the tools."""
    return Content(
        messages=[parts.message(item) for item in items(body.get("contents"))],
        system=parts.content_parts(body.get("systemInstruction")),
        tools=parts.tools(body.get("tools")),
    )


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one chunk of a stream, or one whole answer."""
    # it may come in place of a chunk, and not each version of the client raises it
    error = get(answer, "error")
    if error is not None:
        failure = Failure(failure_type(error, "status", "code"), error_message(error))
        return Delta(failure=failure, last=True)
    candidates = items(get(answer, "candidates"))
    pieces: list[Part] = []
    reasons: list[tuple[int, str | None]] = []
    for number, candidate in enumerate(candidates):
        choice = index_of(candidate)
        if choice is None:
            choice = number
        reasons.append((choice, text(get(candidate, "finishReason"))))
        if needs_text:
            pieces += _parts(candidate, choice)
    metadata = get(answer, "usageMetadata")
    delta = Delta(
        id=id_text(get(answer, "responseId")),
        model=text(get(answer, "modelVersion")),
        # an answer without candidates would else have no reason, and look as if it had broken off
        finish_reasons=reasons or _refusal(answer),
        usage=None if metadata is None else _usage(metadata, candidates),
        details={**read_tier(metadata)},
    )
    if needs_text:
        delta.parts = pieces
    return delta


def _usage(metadata: Item, candidates: list[Item]) -> Usage | None:
    """Return the counts, with how often Google searched for the answer, which has a fee."""
    usage = read_usage(metadata)
    if usage is None:
        return None
    searches = _count_searches(candidates)
    if searches:
        usage.details = {**(usage.details or {}), **searches}
    return usage


def _parts(candidate: Item, choice: int) -> list[Part]:
    pieces: list[Part] = []
    for item in items(get_nested(candidate, "content", "parts")):
        piece = parts.part(item, choice)
        if piece is not None:
            pieces.append(piece)
    return pieces


def _count_searches(candidates: list[Item]) -> dict[str, int]:
    """Return how often the web was searched for an answer, and whether maps were."""
    searches: dict[str, int] = {}
    for candidate in candidates:
        grounding = get(candidate, "groundingMetadata")
        if grounding is None:
            continue
        queries = [query for query in items(get(grounding, "webSearchQueries")) if query]
        if queries:
            searches["web_searches"] = searches.get("web_searches", 0) + len(queries)
        # how often is not stated of maps: 1 says that they were asked at all
        for chunk in items(get(grounding, "groundingChunks")):
            if get(chunk, "maps"):
                searches["map_searches"] = 1
    return searches


def _refusal(answer: Item) -> list[tuple[int, str | None]]:
    """Return the reason for which a prompt was refused; such an answer has no candidates."""
    reason = text(get_nested(answer, "promptFeedback", "blockReason"))
    return [(0, reason)] if reason else []


CONTENT = Format("generate_content", parameters, read, content)
