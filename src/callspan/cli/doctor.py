"""`callspan doctor`: what would be recorded here, where it would go, and what to put right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from callspan.cli import checks
from callspan.cli.columns import aligned
from callspan.cli.entry import Parser
from callspan.version import __version__

_DESCRIPTION = """\
Check what callspan would record here and where that would go, with the settings of this shell's environment.
Exit code 0: all is well; 1: something needs attention, and the line says what to do.
"""


@dataclass
class Section:
    """One part of the report: its rows, and what needs attention."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, *cells: str, problem: str | None = None) -> None:
        """One line of the report."""
        self.rows.append(cells)
        if problem:
            self.problems.append(problem)


def main(words: Sequence[str]) -> int:
    """Print the report."""
    Parser("callspan doctor", description=_DESCRIPTION).parse_args(words)
    print(f"callspan {__version__}")
    problems = [problem for title, fill in checks.CHECKS for problem in _report(title, fill)]
    print("\nneeds attention" if problems else "\nall is well")
    for problem in dict.fromkeys(problems):
        print(f"  - {problem}")
    return 1 if problems else 0


def _report(title: str, fill: Callable[[Section], None]) -> list[str]:
    """Print one section, its title first, for to fill it may take a while; gives what needs attention."""
    print(f"\n{title}", flush=True)
    section = Section()
    fill(section)
    print(aligned(section.rows, indent="  "), flush=True)
    return section.problems
