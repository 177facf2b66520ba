"""Token counts of Gemini's interactions."""

from __future__ import annotations

from callspan.events import Usage
from callspan.formats.fields import Item, count, get, items, string
from callspan.formats.gemini.usage import read_modalities, take_details

_SIDES = {
    "input_tokens_by_modality": "input",
    "tool_use_tokens_by_modality": "input",
    "output_tokens_by_modality": "output",
    "cached_tokens_by_modality": "cache_read",
}
_SEARCHES = {
    "google_search": "web_searches",
    "google_maps": "map_searches",
    "retrieval": "storage_searches",
}


def read_usage(source: Item) -> Usage | None:
    """Return the counts; thoughts stand beside the output, unless the total includes them."""
    prompt = count(source, "total_input_tokens")
    tool_input = count(source, "total_tool_use_tokens")
    output = count(source, "total_output_tokens")
    reasoning = count(source, "total_thought_tokens")
    # where the total is the sum without thoughts, the output includes them
    total_without_thoughts = sum(filter(None, (prompt, tool_input, output)))
    has_thoughts_beside = count(source, "total_tokens") != total_without_thoughts
    # `output` or `answer` is stated, as `Usage` adds the reasoning to the second only
    answer = None
    if reasoning is not None and has_thoughts_beside:
        answer = output or 0
    counts = read_modalities(source, _SIDES, "tokens")
    details = take_details(counts)
    details.update(_count_searches(source))
    usage = Usage(
        prompt=prompt,
        tool_input=tool_input,
        output=output,
        answer=answer,
        cache_read=count(source, "total_cached_tokens"),
        reasoning=reasoning,
        details=details or None,
        **counts,
    )
    return None if usage.states_nothing else usage


def _count_searches(source: Item) -> dict[str, int]:
    """Return how often the provider searched for the answer, by the kind of search."""
    searches: dict[str, int] = {}
    for item in items(get(source, "grounding_tool_count")):
        name = _SEARCHES.get(string(get(item, "type")), "other_tools")
        searches[name] = searches.get(name, 0) + (count(item, "count") or 0)
    return searches
