"""A small, deterministic server of the OpenAI wire format on loopback, for demos and tests.

It needs nothing but the standard library, so a test can use it with any client:

    with ModelServer() as server:
        server.enqueue(Reply(text="Good morning."))
        client = OpenAI(base_url=server.url, api_key="any")
"""

from .ledger import Counts, Ledger
from .reply import Reply, ToolCall
from .request import Request
from .server import ModelServer

__all__ = ["Counts", "Ledger", "ModelServer", "Reply", "Request", "ToolCall"]
