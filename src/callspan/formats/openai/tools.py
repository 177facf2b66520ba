"""How often OpenAI ran its own tools for a response, each of which has a fee beside the tokens."""

from __future__ import annotations

from callspan.events import Details, Usage
from callspan.formats.fields import Item, count, get, get_nested, items, string, text

_TOOLS = {
    "web_search_call": "web_searches",
    "file_search_call": "storage_searches",
    "code_interpreter_call": "code_executions",
    "image_generation_call": "image_generations",
}
_SEARCH = "search"
_PREVIEW = "web_search_preview"
"""The older tool, whose searches have other prices."""


def add_tool_uses(response: Item, usage: Usage, details: Details) -> None:
    """Add the uses of tools to the counts, and further conditions of their price to the details."""
    uses = _count_uses(items(get(response, "output")))
    searches = count(response, "tool_usage", "web_search", "num_requests")
    # the number that is stated goes before what the items of the output suggest
    if searches is not None:
        uses["web_searches"] = searches
    if not any(uses.values()):
        return
    # what the counts state by themselves wins
    usage.details = {**uses, **(usage.details or {})}
    if not uses.get("web_searches"):
        return
    for tool in items(get(response, "tools")):
        kind = string(get(tool, "type"))
        if kind.startswith(_PREVIEW):
            details["search_type"] = "preview"


def _count_uses(output: list[Item]) -> dict[str, int]:
    uses: dict[str, int] = {}
    for item in output:
        name = _TOOLS.get(string(get(item, "type")))
        if name is None:
            continue
        action = text(get_nested(item, "action", "type")) or _SEARCH
        # To open a page, or to look for a text in one, costs nothing.
        if name == "web_searches" and action != _SEARCH:
            continue
        uses[name] = uses.get(name, 0) + 1
    return uses
