"""`callspan doctor`: what would be recorded here, where it would go, and what to put right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    title: str
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
    problems = [problem for section in _sections() for problem in _shown(section)]
    print("\nneeds attention" if problems else "\nall is well")
    for problem in dict.fromkeys(problems):
        print(f"  - {problem}")
    return 1 if problems else 0


def _sections() -> Iterator[Section]:
    for title, fill in checks.CHECKS:
        section = Section(title)
        fill(section)
        yield section


def _shown(section: Section) -> list[str]:
    print(f"\n{section.title}")
    print(aligned(section.rows, indent="  "), flush=True)
    return section.problems
