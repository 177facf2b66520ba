"""The table of settings is the one place: arguments, options and variables agree with it."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

import callspan
from callspan.cli.options import OPTIONS, Option
from callspan.settings.environment import VARIABLES
from callspan.settings.resolution import check, from_text
from callspan.settings.settings import ENVIRONMENT, SETTINGS, Settings

SOURCE = Path(callspan.__file__).parent
ARGUMENTS = [name for name, setting in SETTINGS.items() if setting.is_argument]
WORDS = [name for name, setting in SETTINGS.items() if setting.words and not setting.noun]
NO_SETTINGS = {"tracer_provider", "meter_provider", "logger_provider", "handlers", "budget"}
"""The arguments of `instrument()` that are objects, which no variable can hold."""
INTERNAL = "CALLSPAN_RUN_"
"""The start of the variables by which `callspan run` speaks to its program."""
WRITING = ("cli", "demo")
"""The rooms that set variables for the programs that they start."""


def test_arguments() -> None:
    """`instrument()` has an argument for each setting, which counts as left out by default."""
    parameters = inspect.signature(callspan.instrument).parameters
    assert set(parameters) == set(ARGUMENTS) | NO_SETTINGS
    assert {parameters[name].default for name in ARGUMENTS} == {None}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_are_explained(name: str) -> None:
    """The docstring of `instrument()` has each argument."""
    arguments = str(inspect.getdoc(callspan.instrument)).partition("Args:")[2]
    assert re.search(rf"^    {name}: .", arguments, re.MULTILINE)


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str) -> None:
    """An editor shows the words that are valid, for the argument and for the field."""
    for types in (get_type_hints(callspan.instrument), get_type_hints(Settings)):
        choices = [types[name], *get_args(types[name])]
        literal = next(choice for choice in choices if get_origin(choice) is Literal)
        assert get_args(literal) == SETTINGS[name].words


@pytest.mark.parametrize("name", SETTINGS)
def test_defaults_are_valid(name: str) -> None:
    """A default is a value that the user could have chosen; `None` stands for no choice."""
    default = getattr(Settings(), name)
    if default is not None:
        assert check(name, default) == default


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.flag)
def test_options(option: Option) -> None:
    """An option of the command shows the words of its setting, and what it writes can be read."""
    names = {variable: name for name, variable in ENVIRONMENT.items()}
    name = names.get(option.variable)
    if name is None:
        assert option.variable in VARIABLES or option.variable.startswith(("OTEL_", INTERNAL))
        return
    words = SETTINGS[name].words
    # one of some words, or some of many names
    assert option.metavar == (
        "NAME,..." if SETTINGS[name].noun else "|".join(words) or option.metavar
    )
    for word in words:
        value = from_text(name, option.read(option.flag, word), option.variable)
        assert value == ((word,) if SETTINGS[name].noun else word)
    if option.metavar is None:
        assert from_text(name, option.value, option.variable) is True


def variables(prefix: str) -> dict[str, set[str]]:
    """Return the modules that have each variable of a prefix as a text of its own."""
    modules: dict[str, set[str]] = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if re.fullmatch(rf"{prefix}[A-Z_]*[A-Z]", text):
                    modules[text].add(path.relative_to(SOURCE).as_posix())
    return modules


def test_own_variables_are_documented() -> None:
    """Each variable of ours is in the printed table, but for the internal ones."""
    internal = {name for name in variables("CALLSPAN_") if name.startswith(INTERNAL)}
    assert set(variables("CALLSPAN_")) - internal == {
        *(name for name in ENVIRONMENT.values() if name.startswith("CALLSPAN_")),
        *VARIABLES,
    }


def test_each_variable_is_read_in_one_module() -> None:
    """A variable of OpenTelemetry's is read in one place."""
    readers = {
        name: {module for module in modules if not module.startswith(WRITING)}
        for name, modules in variables("OTEL_").items()
    }
    assert {name: modules for name, modules in readers.items() if len(modules) > 1} == {}
