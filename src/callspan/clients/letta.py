"""Letta's client for agents that live at a server and keep what they learn there."""

from callspan.formats.letta.messages import MESSAGES
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

LETTA = Client(
    name="letta",
    package="letta-client",
    module="letta_client",
    versions=("1.0", "2"),
    provider=by_address("letta"),
    hook=stainless_hook,
    endpoints={
        "/agents/{id}/messages": MESSAGES,
        "/agents/{id}/messages/stream": MESSAGES,
        "/conversations/{conversation_id}/messages": MESSAGES,
    },
)
