"""Frameworks that trace and count by themselves, as data: which telemetry is muted.

Spans are muted where they would take content, or the text of exceptions, to a provider that
callspan set up while our capture is off. Metrics are muted where they have the names of ours, for
calls that ours have counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from callspan.runtime.listing import load
from callspan.runtime.patching import Patch


@dataclass(frozen=True, slots=True)
class Native:
    """One framework's own telemetry.

    Attributes:
        name: The framework's name in `callspan doctor`.
        package: The package as it is installed.
        module: The module whose import puts the patches in place.
        spans: Whether its spans are muted where they would take content along.
        replaced: Whether its spans are muted because ours stand for them.
        metrics: Whether its metrics are muted.
    """

    name: str
    package: str
    module: str
    spans: bool
    metrics: bool
    replaced: bool = False

    @property
    def muted(self) -> str:
        """The muted telemetry in words, for `callspan doctor`."""
        parts: list[str] = []
        if self.replaced:
            parts.append("spans, for which ours stand")
        elif self.spans:
            parts.append(
                "spans that hold content, while ours do not, where callspan set up the provider"
            )
        if self.metrics:
            parts.append("token and duration metrics of calls that ours have counted")
        return "; ".join(parts)

    def patches(self) -> list[Patch]:
        """Return the patches that mute it, whose module is loaded for it."""
        return load("callspan.frameworks.native_patches", "PATCHES")[self.name]()


# name, package, module, spans, metrics, replaced
NATIVES = (
    Native("strands", "strands-agents", "strands", True, False, True),
    Native("autogen", "autogen-core", "autogen_core", True, False, True),
    Native("guardrails", "guardrails-ai", "guardrails", True, False, True),
    Native("pydantic_ai", "pydantic-ai-slim", "pydantic_ai", True, True, True),
    Native(
        "agent_framework",
        "agent-framework-core",
        "agent_framework",
        True,
        True,
        True,
    ),
    Native("mcp", "mcp", "mcp", True, False, True),
    Native("fastmcp", "fastmcp", "fastmcp", True, False, True),
    Native(
        "semantic_kernel",
        "semantic-kernel",
        "semantic_kernel",
        True,
        False,
        True,
    ),
    Native("google_adk", "google-adk", "google.adk", True, True, True),
)
