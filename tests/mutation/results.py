"""What came of the changes: kept between runs, and written into a page."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from tests.matrix.environment import cache

KILLED, EQUAL, SURVIVED = "killed", "equal", "survived"
_START, _END = "<!-- mutation -->", "<!-- /mutation -->"
_HEAD = "| module | changes | killed | equal in meaning | survive | day |"


@dataclass(frozen=True)
class Outcome:
    """What came of one change: a line, how it was, what it became, and whether a test has seen it."""

    line: int
    was: str
    becomes: str
    state: str


@dataclass(frozen=True)
class _Module:
    day: str
    outcomes: list[Outcome]

    def count(self, state: str) -> int:
        return sum(outcome.state == state for outcome in self.outcomes)


class Results:
    """The last result of each module."""

    def __init__(self, file: Path, modules: dict[str, _Module]) -> None:
        self._file, self._modules = file, modules

    @classmethod
    def read(cls) -> Results:
        """Read what earlier runs have kept."""
        file = cache().with_name("mutation") / "results.json"
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        modules = {
            name: _Module(module["day"], [Outcome(**outcome) for outcome in module["outcomes"]])
            for name, module in kept.items()
        }
        return cls(file, modules)

    def keep(self, name: str, outcomes: list[Outcome]) -> None:
        """Keep what came of a module, in place of what was kept of it."""
        self._modules[name] = _Module(datetime.date.today().isoformat(), outcomes)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        kept = {name: asdict(module) for name, module in self._modules.items()}
        self._file.write_text(json.dumps(kept, indent=1), encoding="utf-8")

    def killed(self, name: str) -> set[tuple[str, str]]:
        """Return the changes of a module that a test has seen."""
        return self._changes(name, KILLED)

    def survivors(self, name: str) -> set[tuple[str, str]]:
        """Return the changes of a module that no test has seen, though they matter."""
        return self._changes(name, SURVIVED)

    def _changes(self, name: str, state: str) -> set[tuple[str, str]]:
        module = self._modules.get(name)
        outcomes = module.outcomes if module else []
        return {(outcome.was, outcome.becomes) for outcome in outcomes if outcome.state == state}

    def write(self, page: Path, names: list[str]) -> None:
        """Put the table and the list of equal changes between their two comments in a page, whose prose stays."""
        before, _, rest = page.read_text(encoding="utf-8").partition(_START)
        _, end, after = rest.partition(_END)
        if not end:
            raise SystemExit(
                f"{page} has no place for the table: put {_START} and {_END} into it, each on a line"
            )
        known = [name for name in names if name in self._modules]
        rows = [_row(name, self._modules[name]) for name in known]
        total = _Module("", [outcome for name in known for outcome in self._modules[name].outcomes])
        lines = [_HEAD, "| --- | --- | --- | --- | --- | --- |", *rows, _row("all", total)]
        lines += [*self._reasons(known), *self._open(known)]
        page.write_text("\n".join([before + _START, *lines, _END + after]), encoding="utf-8")

    def _reasons(self, names: list[str]) -> list[str]:
        """Return one line for each change of these modules that is equal in meaning."""
        equal = equal_changes()
        lines = ["", "Equal in meaning:", ""]
        for name in names:
            for was, becomes in sorted(self._changes(name, EQUAL)):
                lines.append(f"- {name}: `{was}` became `{becomes}`. {equal[was, becomes]}")
        return lines

    def _open(self, names: list[str]) -> list[str]:
        """Return one line for each change of these modules that matters and that no test has seen."""
        changes = [
            (name, *change) for name in names for change in sorted(self._changes(name, SURVIVED))
        ]
        lines = [f"- {name}: `{was}` became `{becomes}`." for name, was, becomes in changes]
        return ["", "Seen by no test yet:", "", *lines] if lines else []


def _row(name: str, module: _Module) -> str:
    counts = [module.count(state) for state in (KILLED, EQUAL, SURVIVED)]
    cells = (name, len(module.outcomes), *counts, module.day)
    return f"| {' | '.join(map(str, cells))} |"


def equal_changes() -> dict[tuple[str, str], str]:
    """Return the changes that are equal in meaning, each with its reason."""
    rows = yaml.safe_load(Path(__file__).with_name("equal.yaml").read_text(encoding="utf-8")) or []
    return {(row["was"], row["becomes"]): row["because"] for row in rows}
