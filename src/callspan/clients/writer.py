"""Writer's client, which speaks OpenAI's chat and completions, and formats of its own."""

from callspan.formats.openai.chat import CHAT
from callspan.formats.writer.completions import COMPLETIONS
from callspan.formats.writer.generation import GENERATION
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

WRITER = Client(
    name="writer",
    package="writer-sdk",
    module="writerai",
    versions=("2.0", "4"),
    provider=by_address("writer"),
    hook=stainless_hook,
    endpoints={
        "/v1/chat": CHAT,
        "/v1/completions": COMPLETIONS,
        "/v1/vision": GENERATION,
        "/v1/translation": GENERATION,
        "/v1/graphs/question": GENERATION,
        "/v1/applications/{id}": GENERATION,
    },
)
