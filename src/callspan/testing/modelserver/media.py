"""Images, sound and moderation: the endpoints whose input or output is not a chat."""

from __future__ import annotations

from dataclasses import replace

from .exchange import CREATED, Answer, Exchange, JsonObject
from .ledger import Counts

# A picture of one pixel.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
_IMAGE_TOKENS = 100
# The head of an MP3 file, and some bytes.
_SPEECH = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(range(256)) * 4
_TRANSCRIPT = "Two dozen roses for Saturday, please."
_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def images(exchange: Exchange) -> Answer:
    """Answer POST /images/generations; each image counts as 100 tokens."""
    number = int(exchange.body.get("n") or 1)
    counts = exchange.count_tokens()
    # What a test scripts is sent as it is, images or not.
    if not isinstance(exchange.reply.usage, Counts):
        counts = replace(counts, output=_IMAGE_TOKENS * number)
    body = {"created": CREATED, "data": [{"b64_json": PNG}] * number, "output_format": "png"}
    details = {"text_tokens": counts.input, "image_tokens": 0}
    return _answer_with_usage(
        exchange, counts, body, _usage(counts, "input_tokens_details", details)
    )


def speech(exchange: Exchange) -> Answer:
    """Answer POST /audio/speech: bytes, and no usage."""
    counts = exchange.count_tokens()
    return Answer(_SPEECH, content_type="audio/mpeg", model=exchange.model, counts=counts)


def transcription(exchange: Exchange) -> Answer:
    """Answer POST /audio/transcriptions; usage is in seconds for whisper models, else in tokens."""
    text = _transcript(exchange)
    counts = exchange.count_tokens(text)
    # Billed by the minute: its usage has no tokens, so none are booked as sent.
    if exchange.model.startswith("whisper"):
        body = {"text": text, "usage": {"type": "duration", "seconds": 2}}
        return exchange.answer(body, counts)
    details = {"text_tokens": 0, "audio_tokens": counts.input}
    usage = {"type": "tokens", **_usage(counts, "input_token_details", details)}
    return _answer_with_usage(exchange, counts, {"text": text}, usage)


def translation(exchange: Exchange) -> Answer:
    """Answer POST /audio/translations: text, and no usage."""
    text = _transcript(exchange)
    return exchange.answer({"text": text}, exchange.count_tokens(text))


def moderation(exchange: Exchange) -> Answer:
    """Answer POST /moderations: nothing is ever flagged, and there is no usage."""
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.001),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    inputs = exchange.body["input"]
    # One result for each text.
    number = len(inputs) if isinstance(inputs, list) else 1
    body = {
        "id": f"modr-{exchange.number:06}",
        "model": exchange.model,
        "results": [result] * number,
    }
    return exchange.answer(body, exchange.count_tokens())


def _transcript(exchange: Exchange) -> str:
    if exchange.reply.text is None:
        return _TRANSCRIPT
    return exchange.reply.text


def _usage(counts: Counts, details_name: str, details: dict[str, int]) -> JsonObject:
    return {
        "input_tokens": counts.input,
        details_name: details,
        "output_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
    }


def _answer_with_usage(
    exchange: Exchange, counts: Counts, body: JsonObject, usage: JsonObject
) -> Answer:
    if not exchange.sends_usage:
        return exchange.answer(body, counts)
    return exchange.answer({**body, "usage": usage}, counts, has_usage=True)
