"""Gemini's generateContent: whole, or streamed as answers that each hold what is new."""

from __future__ import annotations

from typing import Any

from callspan.events import Content, Delta, Failure, Part
from callspan.formats.errors import failure_type
from callspan.formats.fields import Body, get, id_text, index_of, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.gemini import parts as parts
from callspan.formats.gemini.usage import read_tier, read_usage

_SETTINGS = {
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
_MADE = {"IMAGE": "image", "AUDIO": "speech"}
_MIME_TYPES = {"application/json": "json", "text/plain": "text"}


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    wanted = body.get("generationConfig") or {}
    found = read_settings(wanted, _SETTINGS)
    thinking = get(wanted, "thinkingConfig")
    level = text(parts.field(thinking, "thinkingLevel"))
    if level:
        found["reasoning_level"] = level.lower()
    told = {"output_type": _output_type(wanted), "service_tier": text(body.get("serviceTier"))}
    return found | {name: value for name, value in told.items() if value}


def _output_type(wanted: Any) -> str | None:
    made = [
        kind
        for name in items(get(wanted, "responseModalities"))
        if (kind := _MADE.get(str(name).upper()))
    ]
    schema = get(wanted, "responseSchema") or get(wanted, "responseJsonSchema")
    return (
        made[0]
        if made
        else "json"
        if schema
        else _MIME_TYPES.get(str(get(wanted, "responseMimeType")))
    )


def content(body: Body) -> Content:
    """The system instruction, the conversation and the tools."""
    return Content(
        messages=[parts.message(item) for item in items(body.get("contents"))],
        system=parts.said(body.get("systemInstruction")),
        tools=parts.tools(body.get("tools")),
    )


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One chunk of a stream, or one whole answer."""
    failed = get(answer, "error")
    if failed is not None:
        return Delta(
            failure=Failure(
                failure_type(failed, "status", "code"), str(get(failed, "message") or "")
            ),
            last=True,
        )
    candidates = list(map(_numbered, enumerate(items(get(answer, "candidates")))))
    spoken = (
        [part for number, candidate in candidates for part in _parts(number, candidate)]
        if needs_text
        else ()
    )
    reasons = [(number, text(get(candidate, "finishReason"))) for number, candidate in candidates]
    stated = get(answer, "usageMetadata")
    counts = read_usage(stated)
    if counts is not None and (uses := searches(candidates)):
        counts.details = {**(counts.details or {}), **uses}
    return Delta(
        id=id_text(get(answer, "responseId")),
        model=text(get(answer, "modelVersion")),
        parts=spoken,
        finish_reasons=reasons or _blocked(answer),
        usage=counts,
        details=read_tier(stated),
    )


def _numbered(placed: tuple[int, Any]) -> tuple[int, Any]:
    place, candidate = placed
    number = index_of(candidate)
    return (place if number is None else number), candidate


def _parts(number: int, candidate: Any) -> list[Part]:
    found = (parts.part(item, number) for item in items(get(get(candidate, "content"), "parts")))
    return [part for part in found if part is not None]


def searches(candidates: list[tuple[int, Any]]) -> dict[str, int]:
    """Return how often the web was searched for an answer, and whether maps were."""
    grounds = [
        ground for _, each in candidates if (ground := get(each, "groundingMetadata")) is not None
    ]
    queries = [
        query for ground in grounds for query in items(get(ground, "webSearchQueries")) if query
    ]
    places = [
        piece
        for ground in grounds
        for piece in items(get(ground, "groundingChunks"))
        if get(piece, "maps")
    ]
    found = {"web_searches": len(queries), "map_searches": min(1, len(places))}
    return {name: number for name, number in found.items() if number}


def _blocked(answer: Any) -> list[tuple[int, str | None]]:
    """A prompt that was refused has no candidates, but a reason."""
    reason = text(get(get(answer, "promptFeedback"), "blockReason"))
    return [(0, reason)] if reason else []


CONTENT = Format("generate_content", parameters, read, content)
