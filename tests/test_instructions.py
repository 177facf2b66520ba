"""How counts of instructions are judged, without counting any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.benchmarks import instructions
from tests.benchmarks.cases import SHORT

BARE = {case.name: 5.0 for case in SHORT}
KEPT = {case.name: 1.0 for case in SHORT}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep a million instructions for each case, counted in this very environment."""
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"environment": instructions.environment(), "million": KEPT}))
    monkeypatch.setattr(instructions, "KEPT", path)
    monkeypatch.setattr(instructions, "missing_tools", lambda: [])
    return path


def count(monkeypatch: pytest.MonkeyPatch, added: float) -> None:
    """Have each case add so many million instructions."""
    whole = {name: bare + added for name, bare in BARE.items()}
    figures = {instructions.BARE: BARE, "callspan": whole}
    monkeypatch.setattr(instructions, "counts", lambda _python, name, _cases: figures[name])


@pytest.mark.parametrize(("added", "status"), [(1.04, 0), (1.06, 1), (0.5, 0)])
def test_five_per_cent_are_allowed(
    kept: Path, monkeypatch: pytest.MonkeyPatch, added: float, status: int
) -> None:
    """A case fails that adds over a twentieth more than the figure that was kept."""
    count(monkeypatch, added)
    assert instructions.main(short=True, keep=False) == status


def test_other_versions_are_not_compared(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures of another environment are printed and not judged."""
    kept.write_text(json.dumps({"environment": {"python": "2.7"}, "million": KEPT}))
    count(monkeypatch, 2.0)
    assert instructions.main(short=True, keep=False) == 0
    assert "not compared" in capsys.readouterr().out


def test_counts_are_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted is what the next count is compared with."""
    count(monkeypatch, 2.0)
    assert instructions.main(short=True, keep=True) == 0
    assert json.loads(kept.read_text())["million"] == dict.fromkeys(KEPT, 2.0)
    assert instructions.main(short=True, keep=False) == 0


def test_a_machine_without_valgrind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing fails where nothing can be counted, and what is missing is said."""
    monkeypatch.setattr(instructions, "missing_tools", lambda: ["valgrind"])
    assert instructions.main(short=True, keep=False) == 0
    assert capsys.readouterr().out == "instructions: skipped, for this machine lacks valgrind\n"
