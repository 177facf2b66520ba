"""The list of what must be survived has each of its numbers, and every test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ORIGINAL = ROOT.parent / "shared" / "reference" / "torture-list.md"
TABLE: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("list.yaml").read_text())
UNUSED: list[int] = TABLE.pop("unused")
ENTRIES: dict[str, dict[str, Any]] = {
    number: entry for section in TABLE.values() for number, entry in section.items()
}
LAST = 120
"""The numbers go from 1 to this one."""
FIELDS = ("asks", "tests", "measured", "lacks")


@cache
def functions(path: str) -> frozenset[str]:
    """The functions of a file, found without importing it."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("number", ENTRIES)
def test_an_entry_is_whole(number: str) -> None:
    """It says what it asks for, and names tests and benchmarks that are there, each once, or says what is lacking."""
    entry = ENTRIES[number]
    assert set(entry) <= set(FIELDS)
    assert entry["asks"]
    assert entry["tests"] or entry["lacks"]
    for field, begins in (("tests", "test_"), ("measured", "")):
        named = entry.get(field, [])
        assert len(named) == len(set(named))
        for node in named:
            path, _, name = node.partition("::")
            assert (ROOT / path).is_file(), node
            assert name.startswith(begins), node
            assert name in functions(path), node


def test_no_number_is_missing() -> None:
    """Each number is in the table, in order and once, or is known to stand for nothing."""
    found = [int(number.removeprefix("T")) for number in ENTRIES]
    assert list(ENTRIES) == [f"T{number:03}" for number in found]
    assert found == sorted(set(found))
    assert sorted([*found, *UNUSED]) == list(range(1, LAST + 1))
    assert list(TABLE) == list("ABCDEFGH")


@pytest.mark.skipif(
    not ORIGINAL.exists(), reason="the list that this follows does not lie beside the project"
)
def test_numbers_are_those_of_the_original() -> None:
    """Sections and numbers are those of the list that the table follows."""
    sections = re.split(r"^## ", ORIGINAL.read_text(), flags=re.MULTILINE)[1:]
    assert {name: list(section) for name, section in TABLE.items()} == {
        section[0]: re.findall(r"^- (T\d{3})", section, re.MULTILINE) for section in sections
    }


def test_no_test_is_named_by_a_number() -> None:
    """Names of tests say what they show; the table alone has numbers."""
    for file in (ROOT / "tests").rglob("test_*.py"):
        path = file.relative_to(ROOT).as_posix()
        for name in functions(path):
            assert not re.search(r"_[tT]\d{3}(?=_|$)", name), f"{path}::{name}"
