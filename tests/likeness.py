"""Lines that stand in two modules: how much of the adapters, doors and dialects is repeated.

Run as `python -m tests.likeness` it prints a small report.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "callspan"
RUN = 6
"""As many lines in a row, the same in two modules, are too many."""
Line = tuple[int, str]


def code(path: Path) -> list[Line]:
    """Return a module's lines with their numbers.

    Blank lines, comments, imports and closing brackets are left out: that two modules have them
    in common says nothing.
    """
    source = path.read_text(encoding="utf-8")
    imports = import_lines(source)
    lines: list[Line] = []
    for number, line in enumerate(source.splitlines(), 1):
        line = line.strip()
        if number not in imports and not re.fullmatch(r"|#.*|[)\]}]+,?", line):
            lines.append((number, line))
    return lines


def import_lines(source: str) -> set[int]:
    """Return the numbers of the lines of all imports, which may take several lines each."""
    numbers: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            numbers.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return numbers


def runs(modules: Mapping[str, list[Line]], length: int = RUN) -> dict[tuple[str, ...], list[str]]:
    """Where the same lines stand in a row in more than one place, by the lines."""
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, lines in modules.items():
        for start in range(len(lines) - length + 1):
            window = lines[start : start + length]
            found[tuple(text for _, text in window)].append(f"{name}:{window[0][0]}")
    return {
        text: places
        for text, places in found.items()
        if len({place.split(":")[0] for place in places}) > 1
    }


def modules(*folders: str) -> dict[str, list[Line]]:
    """The modules of some folders of the package, by their path in it."""
    paths = (path for folder in folders for path in sorted((PACKAGE / folder).rglob("*.py")))
    return {str(path.relative_to(PACKAGE)): code(path) for path in paths}


def report(folders: Iterable[str] = ("clients", "formats", "hooks")) -> str:
    """Lines of code by module and folder, and how many of them stand in two modules."""
    found = []
    for folder in folders:
        by_module = {name: len(lines) for name, lines in modules(folder).items() if lines}
        found += [f"{lines:5}  {name}" for name, lines in by_module.items()]
        found.append(
            f"{sum(by_module.values()):5}  {folder} together, in {len(by_module)} modules\n"
        )
    repeated = runs(modules(*folders))
    found.append(f"{len(repeated):5}  times {RUN} lines in a row stand in two modules")
    return "\n".join([*found, *(" = ".join(places) for places in repeated.values())])


if __name__ == "__main__":
    print(report())
