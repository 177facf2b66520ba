"""Together's client, made by Stainless since its second major version."""

from callspan.dialects.openai_chat import CHAT
from callspan.dialects.openai_completions import COMPLETIONS
from callspan.dialects.openai_embeddings import EMBEDDINGS
from callspan.dialects.openai_media import IMAGES, SPEECH, TRANSCRIPTION
from callspan.doors.adapter import Adapter, post
from callspan.doors.stainless import stainless
from callspan.providers import by_address

TOGETHER = Adapter(
    name="together",
    package="together",
    module="together",
    versions=("2.0", "4"),
    provider=by_address("together"),
    door=stainless,
    routes=(
        post("/chat/completions", CHAT),
        post("/completions", COMPLETIONS),
        post("/embeddings", EMBEDDINGS),
        post("/images/generations", IMAGES),
        post("/audio/speech", SPEECH),
        post("/audio/(transcriptions|translations)", TRANSCRIPTION),
    ),
)
