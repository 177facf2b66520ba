"""Perplexity's client, which speaks OpenAI's formats."""

from dataclasses import replace

from callspan.formats.format import no_usage_request
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.embeddings import PACKED_EMBEDDINGS
from callspan.formats.openai.responses import FETCH, RESPONSES
from callspan.hooks.client import Client
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import by_address

PERPLEXITY = Client(
    name="perplexity",
    package="perplexityai",
    module="perplexity",
    versions=("0.20", "1"),
    provider=by_address("perplexity"),
    hook=stainless_hook,
    endpoints={
        # it states its counts in each chunk, and has no option to ask for them
        "/chat/completions": replace(CHAT, with_usage_requested=no_usage_request),
        "/responses": RESPONSES,
        "GET /responses/{id}": FETCH,
        "/responses/{id}/cancel": FETCH,
        "/embeddings": PACKED_EMBEDDINGS,
        "/contextualizedembeddings": PACKED_EMBEDDINGS,
    },
    # its path ends as that of a chat does
    jobs=("/async/chat/completions",),
)
