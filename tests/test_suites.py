"""The comparison of the suites of others, and the page that keeps their results."""

from __future__ import annotations

from pathlib import Path

from tests.suites.comparison import Report, differences
from tests.suites.page import write

PAGE = """Prose.
<!-- suites -->
| suite |
| --- |
| groq 1.0 | all | 5 | 4 | 0 | 3 | 2020-01-01 |
| ollama 0.1 | all | 5 | 4 | 0 | 3 | 2020-01-01 |
<!-- /suites -->
More."""


def report(**outcomes: str) -> Report:
    """A report of tests that ended so."""
    return Report(outcomes, [], 0)


def test_differences() -> None:
    """A test differs by its outcome, and where only one run has it."""
    bare = report(same="passed", broken="passed", lost="passed")
    on = report(same="passed", broken="failed", more="skipped")
    assert differences(bare, on) == {
        "broken": ("passed", "failed"),
        "lost": ("passed", "missing"),
        "more": ("missing", "skipped"),
    }


def test_rows_of_the_page(tmp_path: Path) -> None:
    """A suite that was run has a new row; the row of another one stays, and so does the prose."""
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    result = {
        "version": "2.0",
        "tests": 9,
        "passed": 8,
        "differing": ["a", "b"],
        "spans": 7,
        "day": "2020-02-02",
    }
    write(page, {"groq": result})
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Prose.\n<!-- suites -->\n| suite | part |")
    assert "| groq 2.0 | all | 9 | 8 | 2 | 7 | 2020-02-02 |\n" in text
    assert "groq 1.0" not in text
    assert "| ollama 0.1 | all | 5 | 4 | 0 | 3 | 2020-01-01 |\n" in text
    assert text.endswith("<!-- /suites -->\nMore.")
