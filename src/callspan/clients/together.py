"""Together's client, made by Stainless since its second major version."""

from callspan.formats.cohere.rerank import RERANK
from callspan.formats.openai.batches import ENDPOINTS as BATCHES
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import IMAGES, SPEECH, TRANSCRIPTION
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

TOGETHER = Client(
    name="together",
    package="together",
    module="together",
    versions=("2.0", "4"),
    provider=by_address("together"),
    hook=stainless_hook,
    endpoints={
        # before `/completions`, which this path ends in as well
        "/chat/completions": CHAT,
        "/completions": COMPLETIONS,
        "/embeddings": EMBEDDINGS,
        "/rerank": RERANK,
        "/images/generations": IMAGES,
        "/audio/speech": SPEECH,
        "/audio/transcriptions": TRANSCRIPTION,
        "/audio/translations": TRANSCRIPTION,
    },
    batches=BATCHES,
)
