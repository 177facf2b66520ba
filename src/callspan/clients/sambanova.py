"""SambaNova's client, which speaks OpenAI's formats and Anthropic's."""

from callspan.formats.anthropic.messages import MESSAGES
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import TRANSCRIPTION
from callspan.formats.openai.responses import RESPONSES
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

SAMBANOVA = Client(
    name="sambanova",
    package="sambanova",
    module="sambanova",
    versions=("1.1", "2"),
    provider=by_address("sambanova"),
    hook=stainless_hook,
    endpoints={
        # before `/completions`, which this path ends in as well
        "/chat/completions": CHAT,
        "/completions": COMPLETIONS,
        "/responses": RESPONSES,
        "/messages": MESSAGES,
        "/embeddings": EMBEDDINGS,
        "/audio/transcriptions": TRANSCRIPTION,
        "/audio/translations": TRANSCRIPTION,
    },
)
