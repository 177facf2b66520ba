"""No two clients are written twice."""

from __future__ import annotations

from pathlib import Path

from callspan.clients import CLIENTS
from duplication import code, modules, repetitions, report


def test_no_two_modules_share_six_lines() -> None:
    """No two clients, formats or hooks have six lines in a row in common."""
    lines: list[str] = []
    for text, places in repetitions(modules("clients", "formats", "hooks")).items():
        lines += [f"{places}:", *(f"  {line}" for line in text)]
    assert not lines, "\n".join(lines)


def test_a_repetition_is_seen() -> None:
    """Six lines in a row are one if they stand in two modules, whatever is around them; five are none."""
    six = [(number, f"line {number}") for number in range(1, 7)]
    pair = {"one": [(0, "before"), *six], "two": [*six, (9, "after")]}
    assert list(repetitions(pair).values()) == [["one:1", "two:1"]]
    assert not repetitions({"one": six[:5], "two": six[:5]})


def test_clients_are_small() -> None:
    """A client is data and a few pure functions: at most 75 lines of code of 100 columns."""
    sizes = {name: len(lines) for name, lines in modules("clients").items()}
    assert {name: size for name, size in sizes.items() if size > 75} == {}
    assert len(modules("clients")) == len(CLIENTS) + 1


def test_report_counts_all() -> None:
    """The report has each client, and the number of repetitions."""
    text = report()
    assert all(name in text for name, lines in modules("clients").items() if lines)
    assert "   0  times 6 lines" in text


def test_code_leaves_out_lines_that_any_module_has(tmp_path: Path) -> None:
    """Blank lines, comments, imports and closing brackets are no code."""
    path = tmp_path / "module.py"
    path.write_text("import re\n\n# why\nfrom a import (\n    b,\n)\nnumbers = (\n    1,\n)\n")
    assert code(path) == [(7, "numbers = ("), (8, "1,")]
