"""How often OpenAI ran tools of its own for a response, each of which has a fee beside the tokens."""

from __future__ import annotations

from typing import Any

from callspan.events import Usage
from callspan.formats.fields import count, get, items, text

_TOOLS = {
    "web_search_call": "web_searches",
    "file_search_call": "storage_searches",
    "code_interpreter_call": "code_executions",
    "image_generation_call": "image_generations",
}
_SEARCH = "search"
_PREVIEW = "web_search_preview"
"""The older tool, whose searches have other prices."""


def tools_used(response: Any, counts: Usage, details: dict[str, Any]) -> None:
    """Add to the counts of a response the uses of tools, and to its details what else their price depends on."""
    uses = _uses(items(get(response, "output")))
    billed = count(response, "tool_usage", "web_search", "num_requests")
    if billed is not None:
        uses["web_searches"] = billed
    if not any(uses.values()):
        return
    counts.details = {**uses, **(counts.details or {})}
    kinds = [text(get(tool, "type")) or "" for tool in items(get(response, "tools"))]
    if uses.get("web_searches") and any(kind.startswith(_PREVIEW) for kind in kinds):
        details["search_type"] = "preview"


def _uses(output: list[Any]) -> dict[str, int]:
    """Return how often each tool was run; that a page was opened or read costs nothing."""
    uses: dict[str, int] = {}
    for item in output:
        name = _TOOLS.get(text(get(item, "type")) or "")
        action = text(get(get(item, "action"), "type")) or _SEARCH
        if name is not None and (name != "web_searches" or action == _SEARCH):
            uses[name] = uses.get(name, 0) + 1
    return uses
