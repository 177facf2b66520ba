"""A program that calls `configure()` takes nothing away from who runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ASK, Command, environment, names


@pytest.mark.parametrize("when", ["before the first call", "after it"])
def test_configure_leaves_what_callspan_run_was_told(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], when: str
) -> None:
    write("ask.py", ASK)
    first, second = ("callspan.configure(file='own.jsonl')", "ask()")
    steps = [first, second] if when == "before the first call" else [second, first, second]
    write("app.py", "\n".join(["import callspan", "from ask import ask", *steps]))
    result = callspan("run", "--file", "operator.jsonl", "app.py", env=openai_variables)
    assert (result.returncode, result.stderr) == (0, b"")
    calls = steps.count("ask()")
    assert names(folder / "operator.jsonl") == ["chat gpt-4.1-mini"] * calls
    assert names(folder / "own.jsonl") == ["chat gpt-4.1-mini"]


def test_configure_adds_to_the_environment(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    """Also without `callspan run`, and a second call replaces the first alone."""
    write("ask.py", ASK)
    write(
        "app.py",
        """
        import callspan
        from ask import ask
        callspan.instrument()
        callspan.configure(file="one.jsonl")
        callspan.configure(file="two.jsonl")
        ask()
        """,
    )
    result = callspan(
        "run", "app.py", env={**openai_variables, "CALLSPAN_FILE": str(folder / "operator.jsonl")}
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert names(folder / "operator.jsonl") == names(folder / "two.jsonl") == ["chat gpt-4.1-mini"]
    assert names(folder / "one.jsonl") == []


@pytest.mark.parametrize("also", ["pass", "callspan.instrument()"])
def test_configure_alone_says_that_nothing_was_recorded(
    folder: Path, write, openai_variables: dict[str, str], also: str
) -> None:
    """Whoever has a client and forgets `instrument()` learns it at the end of the program."""
    write("ask.py", ASK)
    app = write(
        "app.py",
        f"""
        import callspan
        from ask import ask
        callspan.configure(file="own.jsonl")
        {also}
        ask()
        """,
    )
    result = subprocess.run(
        [sys.executable, app],
        env=environment(**openai_variables),
        cwd=folder,
        capture_output=True,
        check=True,
    )
    assert (b"call callspan.instrument() too" in result.stderr) == (also == "pass")
