"""No two clients are written twice."""

from __future__ import annotations

from pathlib import Path

from callspan.clients import CLIENTS
from likeness import code, modules, report, runs


def test_no_two_modules_share_six_lines() -> None:
    """No two adapters, dialects or doors have six lines in a row in common; what clients share stands once."""
    found = runs(modules("clients", "formats", "hooks"))
    assert not found, "\n".join(
        f"{places}:\n  " + "\n  ".join(text) for text, places in found.items()
    )


def test_likeness_is_seen() -> None:
    """Six lines in a row that stand in two modules are found, whatever stands around them; five are not."""
    six = [(number, f"line {number}") for number in range(1, 7)]
    pair = {"one": [(0, "before"), *six], "two": [*six, (9, "after")]}
    assert list(runs(pair).values()) == [["one:1", "two:1"]]
    assert not runs({"one": six[:5], "two": six[:5]})


def test_clients_are_small() -> None:
    """A client is data and a few pure functions: at most 75 lines of code of 100 columns."""
    sizes = {name: len(lines) for name, lines in modules("clients").items()}
    assert {name: size for name, size in sizes.items() if size > 75} == {}
    assert len(modules("clients")) == len(CLIENTS) + 1


def test_report_counts_all() -> None:
    """The report speaks of each adapter, and of what is repeated."""
    told = report()
    assert all(name in told for name, lines in modules("clients").items() if lines)
    assert "   0  times 6 lines" in told


def test_code_leaves_out_what_says_nothing(tmp_path: Path) -> None:
    """Blank lines, comments, imports and closing brackets are no code."""
    path = tmp_path / "module.py"
    path.write_text("import re\n\n# why\nfrom a import (\n    b,\n)\nnumbers = (\n    1,\n)\n")
    assert code(path) == [(7, "numbers = ("), (8, "1,")]
