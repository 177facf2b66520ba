"""OpenAI's endpoints, which many providers have too."""

from __future__ import annotations

from . import chat, embeddings, media, responses
from .errors import chat_error_frame, error_body, refuse
from .openai_shapes import CHAT, COMPLETION, EMBEDDING, IMAGES, MODERATION, RECORDING, SPEECH
from .responses_shapes import RESPONSES
from .wire import VERSIONED, Endpoint, Format

OPENAI = Format(
    address=VERSIONED,
    endpoints={
        "/chat/completions": Endpoint(chat.chat, CHAT, is_written=True),
        "/completions": Endpoint(chat.completion, COMPLETION, is_written=True),
        "/responses": Endpoint(responses.respond, RESPONSES, is_written=True),
        "/embeddings": Endpoint(embeddings.embeddings, EMBEDDING),
        "/images/generations": Endpoint(media.images, IMAGES),
        "/audio/speech": Endpoint(media.speech, SPEECH),
        "/audio/transcriptions": Endpoint(media.transcription, RECORDING),
        "/audio/translations": Endpoint(media.translation, RECORDING),
        "/moderations": Endpoint(media.moderation, MODERATION),
    },
    error=error_body,
    error_frame=chat_error_frame,
    refuse=refuse,
)
