"""Images, sound and moderation: the calls that give something other than text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .exchange import CREATED, Answer, Exchange, to_json
from .ledger import Counts

# A picture of one pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
_IMAGE_TOKENS = 100
_SPEECH = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(range(256)) * 4
_HEARD = "Two dozen roses for Saturday, please."
_CATEGORIES = ("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit")
_CATEGORIES += ("illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent")
_CATEGORIES += ("sexual", "sexual/minors", "violence", "violence/graphic")


def images(exchange: Exchange) -> Answer:
    """POST /images/generations; each image counts as 100 tokens."""
    number = int(exchange.body.get("n") or 1)
    counts = exchange.tally()
    if not isinstance(exchange.reply.usage, Counts):
        counts = replace(counts, output=_IMAGE_TOKENS * number)
    body = {"created": CREATED, "data": [{"b64_json": PNG}] * number, "output_format": "png"}
    usage = _usage(counts, "input_tokens_details", {"text_tokens": counts.input, "image_tokens": 0})
    return _told(exchange, counts, body, usage)


def speech(exchange: Exchange) -> Answer:
    """POST /audio/speech: bytes, and no usage."""
    return Answer(_SPEECH, content_type="audio/mpeg", model=exchange.model, counts=exchange.tally())


def transcription(exchange: Exchange) -> Answer:
    """POST /audio/transcriptions; usage is in seconds for whisper models, else in tokens."""
    text = _heard(exchange)
    counts = exchange.tally(text)
    if exchange.model.startswith("whisper"):
        body = {"text": text, "usage": {"type": "duration", "seconds": 2}}
        return Answer(to_json(body), model=exchange.model, counts=counts)
    sound = {"text_tokens": 0, "audio_tokens": counts.input}
    usage = {"type": "tokens", **_usage(counts, "input_token_details", sound)}
    return _told(exchange, counts, {"text": text}, usage)


def translation(exchange: Exchange) -> Answer:
    """POST /audio/translations: text, and no usage."""
    text = _heard(exchange)
    return Answer(to_json({"text": text}), model=exchange.model, counts=exchange.tally(text))


def moderation(exchange: Exchange) -> Answer:
    """POST /moderations: nothing is ever flagged, and there is no usage."""
    said = exchange.body["input"]
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.001),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    results = [result] * (len(said) if isinstance(said, list) else 1)
    body = {"id": f"modr-{exchange.number:06}", "model": exchange.model, "results": results}
    return Answer(to_json(body), model=exchange.model, counts=exchange.tally())


def _heard(exchange: Exchange) -> str:
    return exchange.reply.text if exchange.reply.text is not None else _HEARD


def _usage(counts: Counts, details: str, detail: dict[str, int]) -> dict[str, Any]:
    return {
        "input_tokens": counts.input,
        details: detail,
        "output_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
    }


def _told(
    exchange: Exchange, counts: Counts, body: dict[str, Any], usage: dict[str, Any]
) -> Answer:
    tells = exchange.reply.usage is not False
    full = {**body, "usage": usage} if tells else body
    return Answer(to_json(full), model=exchange.model, counts=counts, told_at=0 if tells else None)
