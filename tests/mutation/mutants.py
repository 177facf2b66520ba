"""Random mutants of a module: copies with one small change each, made by the operators of cosmic-ray."""

from __future__ import annotations

import ast
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names


@dataclass(frozen=True)
class Mutant:
    """A changed source, with the first line that differs: its number, how it was and what it has become."""

    source: str
    line: int
    was: str
    becomes: str


def sample(source: str, size: int, seed: str) -> list[Mutant]:
    """Return so many mutants of a source at random places, one for each place; the same ones for the same seed."""
    chance = random.Random(seed)
    places = _places(source)
    order = sorted(places)
    chance.shuffle(order)
    plain = _without_annotations(source)
    mutants: list[Mutant] = []
    for place in order:
        changes = places[place]
        chance.shuffle(changes)
        mutant = _first_that_matters(source, plain, changes)
        if mutant is not None:
            mutants.append(mutant)
        if len(mutants) == size:
            break
    return sorted(mutants, key=lambda mutant: mutant.line)


def _places(source: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """Return the places that can be changed, each with its operators and which of their occurrences it is."""
    nodes = list(ast_nodes(get_ast(source)))
    places: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for name in operator_names():
        kind = get_operator(name)
        if kind.arguments():  # what is put in has to be named for each module
            continue
        operator = kind()
        starts = [(node, start) for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, (node, start) in enumerate(starts):
            if (
                node.parent is not None and node.parent.type == "parameters"
            ):  # a star between them is no operator
                continue
            places.setdefault(start, []).append((name, occurrence))
    return places


def _first_that_matters(
    source: str, plain: str | None, changes: list[tuple[str, int]]
) -> Mutant | None:
    """Return the first change that Python can read and that is not one of an annotation alone."""
    for name, occurrence in changes:
        changed = mutate_code(source, get_operator(name)(), occurrence)
        if changed is None or _without_annotations(changed) in (None, plain):
            continue
        number, was, becomes = next(_differences(source, changed))
        return Mutant(changed, number, was, becomes)
    return None


def _differences(source: str, changed: str) -> Iterator[tuple[int, str, str]]:
    lines = zip_longest(source.splitlines(), changed.splitlines(), fillvalue="")
    for number, (was, becomes) in enumerate(lines, 1):
        if was != becomes:
            yield number, _one_space(was), _one_space(becomes)


def _one_space(line: str) -> str:
    return " ".join(line.split())


class _Annotations(ast.NodeTransformer):
    """Take annotations out of a tree: nothing reads them when the code runs."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def _without_annotations(source: str) -> str | None:
    """Return the tree of a source as text, without its annotations; `None` where Python cannot read it."""
    try:
        tree = ast.parse(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of `is` beside a number
            compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return None
    return ast.dump(_Annotations().visit(tree))
