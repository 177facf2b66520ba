"""Anthropic's client, also in its forms for Bedrock, Vertex and Foundry."""

from __future__ import annotations

from functools import cache
from typing import Any

from callspan.formats.anthropic.completions import COMPLETIONS
from callspan.formats.anthropic.messages import MESSAGES
from callspan.hooks.client import Client, post
from callspan.hooks.stainless import stainless_hook
from callspan.semconv.providers import provider

_PLATFORMS = {"Bedrock": "aws.bedrock", "Vertex": "gcp.vertex_ai", "Foundry": "azure.ai.inference"}


def _provider(client_object: Any, host: str, port: int | None) -> str:
    return _platform(type(client_object)) or provider(host, port, "anthropic")


@cache
def _platform(kind: type) -> str | None:
    names = [base.__name__ for base in kind.__mro__]
    return next(
        (told for word, told in _PLATFORMS.items() if any(word in name for name in names)), None
    )


def _wants_own_spans(client_object: Any) -> bool:
    """Whether the app gave this client a tracer provider, or switched content on for its spans.

    The option is read where the client keeps it resolved; clients older than the option make spans for nobody.
    """
    options = getattr(client_object, "_open_telemetry", None) or {}
    traces = options.get("traces") or {}
    return options.get("tracer_provider") is not None or traces.get("content_mode") == "content"


ANTHROPIC = Client(
    name="anthropic",
    package="anthropic",
    module="anthropic",
    versions=("0.40", "3"),
    provider=_provider,
    hook=stainless_hook,
    endpoints=(post("/v1/messages", MESSAGES), post("/v1/complete", COMPLETIONS)),
    tracer_property="BaseClient._tracer",
    wants_own_spans=_wants_own_spans,
)
