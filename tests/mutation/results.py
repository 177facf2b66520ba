"""What came of the changes, kept between runs."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from tests.matrix.environment import cache

KILLED, EQUAL, SURVIVED = "killed", "equal", "survived"
STATES = (KILLED, EQUAL, SURVIVED)


@dataclass(frozen=True)
class Outcome:
    """What came of one change: a line, how it was, what it became, and whether a test has seen it."""

    line: int
    was: str
    becomes: str
    state: str


@dataclass(frozen=True)
class Module:
    """What came of all changes of one module, and the day of the run."""

    day: str
    outcomes: list[Outcome]

    def changes(self, state: str) -> list[tuple[str, str]]:
        """Return the changes that have come to a state, each as a line was and became."""
        return [
            (outcome.was, outcome.becomes) for outcome in self.outcomes if outcome.state == state
        ]


class Results:
    """The last result of each module."""

    def __init__(self, file: Path, modules: dict[str, Module]) -> None:
        self._file, self.modules = file, modules

    @classmethod
    def read(cls) -> Results:
        """Read what earlier runs have kept."""
        file = cache().with_name("mutation") / "results.json"
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        modules = {
            name: Module(module["day"], [Outcome(**outcome) for outcome in module["outcomes"]])
            for name, module in kept.items()
        }
        return cls(file, modules)

    def keep(self, name: str, outcomes: list[Outcome]) -> None:
        """Keep what came of a module, in place of what was kept of it."""
        self.modules[name] = Module(datetime.date.today().isoformat(), outcomes)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        kept = {name: asdict(module) for name, module in self.modules.items()}
        self._file.write_text(json.dumps(kept, indent=1), encoding="utf-8")

    def killed(self, name: str) -> set[tuple[str, str]]:
        """Return the changes of a module that a test has seen."""
        return self._changes(name, KILLED)

    def survivors(self, name: str) -> set[tuple[str, str]]:
        """Return the changes of a module that no test has seen, though they matter."""
        return self._changes(name, SURVIVED)

    def _changes(self, name: str, state: str) -> set[tuple[str, str]]:
        module = self.modules.get(name)
        return set(module.changes(state)) if module else set()


def equal_changes() -> dict[tuple[str, str], str]:
    """Return the changes that are equal in meaning, each with its reason."""
    rows = yaml.safe_load(Path(__file__).with_name("equal.yaml").read_text(encoding="utf-8")) or []
    return {(row["was"], row["becomes"]): row["because"] for row in rows}
