"""Groq's client, which speaks OpenAI's formats."""

from callspan.dialects.openai_chat import CHAT
from callspan.dialects.openai_embeddings import EMBEDDINGS
from callspan.dialects.openai_media import SPEECH, TRANSCRIPTION
from callspan.doors.adapter import Adapter, post
from callspan.doors.stainless import stainless
from callspan.providers import by_address

GROQ = Adapter(
    name="groq",
    package="groq",
    module="groq",
    versions=("0.13", "2"),
    provider=by_address("groq"),
    door=stainless,
    routes=(
        post("/chat/completions", CHAT),
        post("/embeddings", EMBEDDINGS),
        post("/audio/speech", SPEECH),
        post("/audio/(transcriptions|translations)", TRANSCRIPTION),
    ),
)
