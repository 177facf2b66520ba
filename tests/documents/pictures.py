"""Printed pictures in the pages: where they stand, and what of them is the same in each run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def picture(path: str, name: str) -> str:
    """Return the block between two comments of a page, without its fences."""
    text = (ROOT / path).read_text(encoding="utf-8")
    block = text.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0]
    return block.replace("```text\n", "").replace("```\n", "")


def lasting_lines(printed: str) -> list[str]:
    """Return the lines without what differs from run to run: times, ids, and the order of what runs at once."""
    text = re.sub(r"\btrace [0-9a-f]{8}\b", "TRACE", printed)
    text = re.sub(r"\b[\d.]+ m?s\b", "TIME", text)
    lines = [re.sub(r" +", " ", line).strip() for line in text.splitlines()]
    return sorted(line for line in lines if line)
