"""Groq's client, which speaks OpenAI's formats."""

from callspan.formats.openai.batches import ENDPOINTS as BATCHES
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import SPEECH, TRANSCRIPTION
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

GROQ = Client(
    name="groq",
    package="groq",
    module="groq",
    versions=("0.13", "2"),
    provider=by_address("groq"),
    hook=stainless_hook,
    endpoints={
        "/chat/completions": CHAT,
        "/embeddings": EMBEDDINGS,
        "/audio/speech": SPEECH,
        "/audio/transcriptions": TRANSCRIPTION,
        "/audio/translations": TRANSCRIPTION,
    },
    batches=BATCHES,
)
