"""`callspan doctor`: check the clients, the settings and the destinations of telemetry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from callspan.cli import checks
from callspan.cli.columns import align
from callspan.cli.entry import Parser
from callspan.version import __version__

_DESCRIPTION = """\
Check what callspan would record here and where that would go, with the settings of this shell's environment.
Exit code 0: all is well; 1: something needs attention, and the line says what to do.
"""


@dataclass
class Section:
    """One part of the report: its rows, and the problems that need attention."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, *cells: str, problem: str | None = None) -> None:
        """Add one row, and the problem that it shows."""
        self.rows.append(cells)
        if problem:
            self.problems.append(problem)


def main(words: Sequence[str]) -> int:
    """Print the report, and return 1 if something needs attention."""
    Parser("callspan doctor", description=_DESCRIPTION).parse_args(words)
    print(f"callspan {__version__}")
    problems: list[str] = []
    for title, fill in checks.CHECKS:
        problems += _print_section(title, fill)
    if not problems:
        print("\nall is well")
        return 0
    print("\nneeds attention")
    # Once each: several checks may find the same fault.
    for problem in dict.fromkeys(problems):
        print(f"  - {problem}")
    return 1


def _print_section(title: str, fill: Callable[[Section], None]) -> list[str]:
    """Print one section and return its problems."""
    # The title comes first, because filling a section can be slow.
    print(f"\n{title}", flush=True)
    section = Section()
    fill(section)
    print(align(section.rows, indent="  "), flush=True)
    return section.problems
