"""Fireworks's client, which speaks OpenAI's formats and Anthropic's."""

from callspan.formats.anthropic.messages import MESSAGES
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

FIREWORKS = Client(
    name="fireworks",
    package="fireworks-ai",
    module="fireworks",
    versions=("1.2", "2"),
    provider=by_address("fireworks"),
    hook=stainless_hook,
    endpoints={
        # before `/completions`, which this path ends in as well
        "/chat/completions": CHAT,
        "/completions": COMPLETIONS,
        "/messages": MESSAGES,
    },
)
