"""The decisions in docs/decisions: each is listed, and the files that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DECISIONS = ROOT / "docs" / "decisions"
FILES = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
PAGES = [*FILES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
_PATH = re.compile(r"`([\w./-]+\.(?:py|yaml|md|lock|toml))`")


def test_the_index_lists_each_decision() -> None:
    """The index has each file once, and no other."""
    links = re.findall(r"\]\(([\w.-]+\.md)\)", (DECISIONS / "README.md").read_text("utf-8"))
    assert sorted(links) == [path.name for path in FILES]


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name.partition("-")[0] for path in FILES]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    """A path in backticks is one below the project, or below its package."""
    roots = (ROOT, ROOT / "src" / "callspan")
    paths = _PATH.findall(page.read_text(encoding="utf-8"))
    missing = [path for path in paths if not any((root / path).exists() for root in roots)]
    assert missing == []
