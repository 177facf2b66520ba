"""Cerebras's client, which speaks OpenAI's chat and legacy completions."""

from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

CEREBRAS = Client(
    name="cerebras",
    package="cerebras-cloud-sdk",
    module="cerebras.cloud.sdk",
    versions=("1.12", "2"),
    provider=by_address("cerebras"),
    hook=stainless_hook,
    endpoints={
        # before `/completions`, which this path ends in as well
        "/chat/completions": CHAT,
        "/completions": COMPLETIONS,
    },
)
