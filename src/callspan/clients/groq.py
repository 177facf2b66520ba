"""Groq's client, which speaks OpenAI's formats."""

from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import SPEECH, TRANSCRIPTION
from callspan.hooks.client import Client, post
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

GROQ = Client(
    name="groq",
    package="groq",
    module="groq",
    versions=("0.13", "2"),
    provider=by_address("groq"),
    hook=stainless_hook,
    endpoints=(
        post("/chat/completions", CHAT),
        post("/embeddings", EMBEDDINGS),
        post("/audio/speech", SPEECH),
        post("/audio/(transcriptions|translations)", TRANSCRIPTION),
    ),
)
