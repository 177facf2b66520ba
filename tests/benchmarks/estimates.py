"""How far estimates are from what providers stated, over recorded cases: `python -m tests.benchmarks.estimates CASES`.

CASES is a folder of recorded cases as the maintainers have them. Prints the table that stands in docs/estimates.md.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from callspan.accounting.tokens.encoding import GUESS, Encoding, encoding_for
from callspan.accounting.tokens.prompt import count_prompt
from callspan.formats.anthropic.messages import MESSAGES
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.responses import RESPONSES

DIALECTS = {"openai.chat": CHAT, "openai.responses": RESPONSES, "anthropic.messages": MESSAGES}
FAMILIES = (
    "gpt",
    "claude",
    "gemini",
    "llama",
    "mistral",
    "command",
    "nova",
    "deepseek",
    "qwen",
    "gemma",
    "grok",
)
Ratios = dict[tuple[str, str], list[tuple[float, float]]]


def family(model: str) -> str:
    """The family of a model by its name."""
    if model.rpartition("/")[2].startswith(("o1", "o3", "o4", "chatgpt")):
        return "gpt"
    return next((name for name in FAMILIES if name in model.lower()), "others")


def counted(interaction: dict[str, Any], encoding: Encoding) -> Iterator[tuple[str, int, int]]:
    """What was stated and what is estimated, of input and output, where all of it can be counted."""
    expected = interaction["expected"]
    dialect = DIALECTS.get(interaction["api"])
    if dialect is not None and expected["input_tokens"]:
        content = dialect.content(interaction["request"]["json"])
        system = [{"role": "system", "parts": content.system}] if content.system else []
        tokens, unknown = count_prompt([*system, *content.messages], content.tools, encoding.count)
        if not unknown:
            yield "input", expected["input_tokens"], tokens
    texts = [said["text"] for said in expected["output_texts"] if said["text"]]
    told = texts + [f"{call['name']} {call['arguments']}" for call in expected["tool_calls"]]
    if (
        expected["output_tokens"]
        and told
        and not expected["reasoning_tokens"]
        and not expected["reasoning_texts"]
    ):
        yield "output", expected["output_tokens"], sum(map(encoding.count, told))


def measured(folder: Path) -> Ratios:
    """Estimate over stated, by family and side: with tiktoken, and with a quarter of the bytes."""
    found: Ratios = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        for interaction in json.loads(path.read_text())["interactions"]:
            model = interaction["expected"].get("response_model") or interaction["expected"].get(
                "request_model"
            )
            if not model or interaction["expected"].get("error"):
                continue
            better, rough = (
                list(counted(interaction, way)) for way in (encoding_for(model), GUESS)
            )
            for (side, stated, one), (_, _, other) in zip(better, rough, strict=True):
                found[family(model), side].append((one / stated, other / stated))
    return found


def table(found: Ratios) -> str:
    """The table, as it stands in the docs."""
    lines = ["| models | side | cases | tiktoken: median, worst | bytes / 4: median, worst |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for (name, side), pairs in sorted(found.items()):
        told = [_error([pair[place] for pair in pairs]) for place in (0, 1)]
        lines.append(f"| {name} | {side} | {len(pairs)} | {told[0]} | {told[1]} |")
    return "\n".join(lines)


def _error(ratios: list[float]) -> str:
    worst = max(ratios, key=lambda ratio: abs(ratio - 1))
    return f"{median(ratios) - 1:+.0%}, {worst - 1:+.0%}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    print(table(measured(parser.parse_args().cases)))


if __name__ == "__main__":
    main()
