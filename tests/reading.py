"""Figures of how the source reads: `python -m tests.reading [FOLDER]`.

Each figure has an aim. They are signs of code that does one thing a line, not the thing itself.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "callspan"
PARTICIPLES = {
    "asked",
    "found",
    "given",
    "kept",
    "known",
    "said",
    "spoken",
    "stated",
    "told",
}
"""Names that say that there is a value, and not what it is."""
LONGEST_LINE = 100
LONGEST_FUNCTION = 40
LONGEST_FILE = 300
MOST_BRANCHES = 8
_DIRECTIVE = re.compile(r"# *(noqa|type:|pyright|fmt)")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WITH_DOCSTRINGS = (*_FUNCTIONS, ast.ClassDef, ast.Module)
_BRANCHES = (
    ast.Assert,
    ast.AsyncFor,
    ast.ExceptHandler,
    ast.For,
    ast.If,
    ast.IfExp,
    ast.While,
    ast.comprehension,
    ast.match_case,
)


@dataclass
class Counts:
    """What is counted in one file, or in many."""

    files: int = 0
    lines: int = 0
    code_lines: int = 0
    long_lines: int = 0
    long_files: int = 0
    comments: int = 0
    conditional_expressions: int = 0
    nested_conditional_expressions: int = 0
    boolean_operators: int = 0
    comprehensions: int = 0
    anys: int = 0
    functions: int = 0
    long_functions: int = 0
    complex_functions: int = 0
    functions_with_participles: int = 0
    docstring_words: int = 0
    whats: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of another file."""
        for field in fields(self):
            total = getattr(self, field.name) + getattr(other, field.name)
            setattr(self, field.name, total)


@dataclass(frozen=True)
class Figure:
    """One figure and its aim: the most that it should be, or the least."""

    name: str
    value: float
    aim: float
    at_least: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether the value is as good as the aim, or better."""
        if self.at_least:
            return self.value >= self.aim
        return self.value <= self.aim


def count_file(path: Path) -> Counts:
    """Return the counts of one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    counts = Counts(
        files=1,
        lines=len(lines),
        code_lines=sum(1 for line in lines if line.strip()),
        long_lines=sum(1 for line in lines if len(line) > LONGEST_LINE),
        long_files=int(len(lines) > LONGEST_FILE),
        comments=_count_comments(text),
    )
    for node in ast.walk(ast.parse(text)):
        _count_expression(counts, node)
        if isinstance(node, _FUNCTIONS):
            _count_function(counts, node)
        if isinstance(node, _WITH_DOCSTRINGS):
            words = re.findall(r"[a-z']+", (ast.get_docstring(node) or "").lower())
            counts.docstring_words += len(words)
            counts.whats += words.count("what")
    return counts


def _count_comments(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return sum(1 for comment in comments if not _DIRECTIVE.match(comment))


def _count_expression(counts: Counts, node: ast.AST) -> None:
    if isinstance(node, ast.IfExp):
        counts.conditional_expressions += 1
        inner = [*ast.walk(node.body), *ast.walk(node.orelse)]
        if any(isinstance(part, ast.IfExp) for part in inner):
            counts.nested_conditional_expressions += 1
    elif isinstance(node, ast.BoolOp):
        counts.boolean_operators += len(node.values) - 1
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        counts.comprehensions += 1
    elif isinstance(node, ast.Name) and node.id == "Any":
        counts.anys += 1


def _count_function(counts: Counts, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    counts.functions += 1
    counts.long_functions += length > LONGEST_FUNCTION
    counts.complex_functions += complexity(function) > MOST_BRANCHES
    counts.functions_with_participles += bool(PARTICIPLES & set(_variables(function)))


def complexity(function: ast.AST) -> int:
    """Return the number of ways through a function, each operand of `and` and `or` being one."""
    ways = 1
    for node in ast.walk(function):
        if isinstance(node, _BRANCHES):
            ways += 1
        elif isinstance(node, ast.BoolOp):
            ways += len(node.values) - 1
    return ways


def _variables(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    arguments = function.args
    yield from (argument.arg for argument in [*arguments.args, *arguments.kwonlyargs])
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def find_participles(path: Path) -> list[str]:
    """Return one line about each function of a file in which a value is named by a participle."""
    lines: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, _FUNCTIONS):
            names = sorted(PARTICIPLES & set(_variables(node)))
            if names:
                lines.append(f"{path}:{node.lineno} {node.name}: {', '.join(names)}")
    return lines


def count_folder(folder: Path) -> Counts:
    """Return the counts of all Python files in a folder and below it."""
    counts = Counts()
    for path in sorted(folder.rglob("*.py")):
        counts.add(count_file(path))
    return counts


def figures(folder: Path = PACKAGE) -> list[Figure]:
    """Return the figures of a folder."""
    counts = count_folder(folder)
    hundred_lines = counts.code_lines / 100
    root_modules = [path for path in folder.glob("*.py") if not path.name.startswith("__")]
    participles = 100 * counts.functions_with_participles / max(counts.functions, 1)
    whats = 1000 * counts.whats / max(counts.docstring_words, 1)
    return [
        Figure(
            "conditional expressions a 100 lines",
            counts.conditional_expressions / hundred_lines,
            1.5,
        ),
        Figure("nested conditional expressions", counts.nested_conditional_expressions, 0),
        Figure("`and`, `or` a 100 lines", counts.boolean_operators / hundred_lines, 3),
        Figure("comprehensions a 100 lines", counts.comprehensions / hundred_lines, 1.5),
        Figure("lines over 100 columns, %", 100 * counts.long_lines / counts.lines, 0.5),
        Figure("`Any` a 100 lines", counts.anys / hundred_lines, 4),
        Figure("comments a 100 lines", counts.comments / hundred_lines, 4, at_least=True),
        Figure("functions with a participle as a name, %", participles, 0),
        Figure("`what` a 1,000 words of docstring", whats, 2),
        Figure("modules at the root", len(root_modules), 3),
        Figure("functions over 40 lines", counts.long_functions, 0),
        Figure("functions of complexity over 8", counts.complex_functions, 15),
        Figure("files over 300 lines", counts.long_files, 0),
    ]


def report(folder: Path) -> str:
    """Return the figures of a folder as lines of text."""
    lines: list[str] = []
    for figure in figures(folder):
        bound = "at least" if figure.at_least else "at most"
        state = "" if figure.is_reached else "  not reached"
        lines.append(f"{figure.name:45} {figure.value:7.2f}  {bound} {figure.aim}{state}")
    return "\n".join(lines)


def main() -> None:
    """Print the figures of the package, or of a folder in it."""
    parser = argparse.ArgumentParser(prog="python -m tests.reading", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=PACKAGE)
    print(report(parser.parse_args().folder))


if __name__ == "__main__":
    main()
