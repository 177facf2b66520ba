"""Cerebras's client, which speaks OpenAI's chat and legacy completions."""

from callspan.dialects.openai_chat import CHAT
from callspan.dialects.openai_completions import COMPLETIONS
from callspan.doors.adapter import Adapter, post
from callspan.doors.stainless import stainless
from callspan.providers import by_address

CEREBRAS = Adapter(
    name="cerebras",
    package="cerebras-cloud-sdk",
    module="cerebras.cloud.sdk",
    versions=("1.12", "2"),
    provider=by_address("cerebras"),
    door=stainless,
    routes=(post("/chat/completions", CHAT), post("/completions", COMPLETIONS)),
)
