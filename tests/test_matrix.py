"""The matrix of versions: each client is in it with its oldest version, and its table is made from what was run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.matrix import results
from tests.matrix.rows import CLIENTS, ROWS, TOO_LARGE, asked

from callspan import clients

ROOT = Path(__file__).parent.parent
BY_PACKAGE = {client.package: client for client in CLIENTS}


@pytest.mark.parametrize(
    "client",
    [each.load() for each in clients.CLIENTS if each.name not in TOO_LARGE],
    ids=lambda client: client.name,
)
def test_every_client_is_tried(client: Any) -> None:
    """A client has an entry, whose oldest version is the one that the package promises and the extra asks for."""
    tried = [f"{needed}." for client in CLIENTS for needed in asked(client, client.oldest)]
    oldest = f"{client.package}=={client.versions[0]}."
    assert any(needed.startswith(oldest) for needed in tried), (
        f"add {oldest} to CLIENTS in tests/matrix/rows.py"
    )
    lowest = f'"{client.package}>={client.versions[0]}"'
    assert lowest in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_rows() -> None:
    """Each row has its own name and tests that are there; the landing check has the oldest of the great clients."""
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert not [test for row in ROWS for test in row.tests if not (ROOT / test).exists()]
    asked = {needed for row in ROWS if row.lands for needed in row.requires}
    for package in ("openai", "anthropic", "google-genai"):
        assert f"{package}=={BY_PACKAGE[package].oldest}" in asked
    assert any(needed.startswith("langchain>=0.3") for needed in asked)


def matrix(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing installed but Python."""
    command = [sys.executable, "-S", "-m", "tests.matrix", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_list() -> None:
    """The rows can be listed, all of them or some, by Python alone."""
    assert len(matrix("--list").stdout.splitlines()) == len(ROWS)
    assert {
        line.split("-")[0] for line in matrix("--list", "--only", "google").stdout.splitlines()
    } == {"google"}
    assert "no row begins with nobody" in matrix("--list", "--only", "nobody").stderr


def test_table(tmp_path: Path) -> None:
    """The table stands between its two comments, newest results of the rows that were run; the prose stays."""
    page, kept = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text("Before.\n<!-- matrix -->\nold\n<!-- /matrix -->\nAfter.\n", encoding="utf-8")
    versions = {"groq": "0.13.1", "openai": "3.57.0", "wrapt": "2.5.2", "pip": "1"}
    ran = results.Result(
        "2026-11-26", "3.11", versions, True, results.closing("..\n3 passed, 1 skipped in 4.20s\n")
    )
    results.save(kept, {"groq-0.13.1": ran})
    results.write(page, ROWS, results.load(kept))
    assert page.read_text(encoding="utf-8").splitlines() == [
        "Before.",
        "<!-- matrix -->",
        "| row | Python | clients | beside | tests | day |",
        "| --- | --- | --- | --- | --- | --- |",
        "| groq-0.13.1 | 3.11 | groq 0.13.1 | wrapt 2.5.2 | 3 passed, 1 skipped | 2026-11-26 |",
        "<!-- /matrix -->",
        "After.",
    ]


def test_page_without_a_place(tmp_path: Path) -> None:
    """A page that has no place for the table is left alone, and the fix is named."""
    (tmp_path / "page.md").write_text("Prose.\n")
    with pytest.raises(SystemExit, match="put <!-- matrix -->"):
        results.write(tmp_path / "page.md", ROWS, {})
    assert (tmp_path / "page.md").read_text() == "Prose.\n"
