"""OpenAI's endpoints."""

from __future__ import annotations

from . import chat, embeddings, media, responses
from .errors import chat_error_frame, error_body
from .wire import VERSIONED, Endpoint, Format

OPENAI = Format(
    address=VERSIONED,
    endpoints={
        "/chat/completions": Endpoint(chat.chat, ("model", "messages"), spoken=True),
        "/completions": Endpoint(chat.completion, ("model", "prompt"), spoken=True),
        "/responses": Endpoint(responses.respond, spoken=True),
        "/embeddings": Endpoint(embeddings.embeddings, ("model", "input")),
        "/images/generations": Endpoint(media.images, ("prompt",)),
        "/audio/speech": Endpoint(media.speech, ("model", "input", "voice")),
        "/audio/transcriptions": Endpoint(media.transcription, ("model", "file")),
        "/audio/translations": Endpoint(media.translation, ("model", "file")),
        "/moderations": Endpoint(media.moderation, ("input",)),
    },
    error=error_body,
    broken=chat_error_frame,
)
