"""Cerebras's client, which speaks OpenAI's chat and legacy completions."""

from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.hooks.client import Adapter, post
from callspan.hooks.stainless import stainless
from callspan.semconv.providers import by_address

CEREBRAS = Adapter(
    name="cerebras",
    package="cerebras-cloud-sdk",
    module="cerebras.cloud.sdk",
    versions=("1.12", "2"),
    provider=by_address("cerebras"),
    door=stainless,
    routes=(post("/chat/completions", CHAT), post("/completions", COMPLETIONS)),
)
