"""Lines that stand in two modules: how much of the clients, hooks and formats is repeated.

Run as `python -m tests.duplication` it prints a small report.
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

    Blank lines, comments, imports and closing brackets are left out: any two modules have some in
    common.
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


def repetitions(
    modules: Mapping[str, list[Line]], length: int = RUN
) -> dict[tuple[str, ...], list[str]]:
    """Return the runs of lines that stand in several modules, each with its places."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name, lines in modules.items():
        for start in range(len(lines) - length + 1):
            window = lines[start : start + length]
            text = tuple(line for _, line in window)
            first_number, _ = window[0]
            places[text].append(f"{name}:{first_number}")
            names[text].add(name)
    return {text: places[text] for text in places if len(names[text]) > 1}


def modules(*folders: str) -> dict[str, list[Line]]:
    """Return the lines of the modules in some folders of the package, by their path in it."""
    lines: dict[str, list[Line]] = {}
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            lines[str(path.relative_to(PACKAGE))] = code(path)
    return lines


def report(folders: Iterable[str] = ("clients", "formats", "hooks")) -> str:
    """Return lines about the size of each module and folder, and about each repetition."""
    text: list[str] = []
    for folder in folders:
        sizes = {name: len(lines) for name, lines in modules(folder).items() if lines}
        for name, size in sizes.items():
            text.append(f"{size:5}  {name}")
        total = sum(sizes.values())
        text.append(f"{total:5}  {folder} together, in {len(sizes)} modules\n")
    repeated = repetitions(modules(*folders))
    text.append(f"{len(repeated):5}  times {RUN} lines in a row stand in two modules")
    for places in repeated.values():
        text.append(" = ".join(places))
    return "\n".join(text)


if __name__ == "__main__":
    print(report())
