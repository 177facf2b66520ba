"""Fireworks's client, which speaks OpenAI's formats and Anthropic's."""

from callspan.dialects.anthropic_messages import MESSAGES
from callspan.dialects.openai_chat import CHAT
from callspan.dialects.openai_completions import COMPLETIONS
from callspan.doors.adapter import Adapter, post
from callspan.doors.stainless import stainless
from callspan.providers import by_address

FIREWORKS = Adapter(
    name="fireworks",
    package="fireworks-ai",
    module="fireworks",
    versions=("1.2", "2"),
    provider=by_address("fireworks"),
    door=stainless,
    routes=(post("/chat/completions", CHAT), post("/completions", COMPLETIONS), post("/messages", MESSAGES)),
)
