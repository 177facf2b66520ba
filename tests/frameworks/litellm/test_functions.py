"""Each function of LiteLLM's that reaches a provider is watched, or stands in a table with the reason why not."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from callspan.frameworks.litellm.functions import FUNCTIONS
from frameworks.litellm.models import litellm

TABLE: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("functions.yaml").read_text())
ROWS: dict[str, str] = {**TABLE["told_inside"], **TABLE["not_watched"]}
WATCHED = {f"{function.module}:{function.name}" for function in FUNCTIONS}
_NAMES = {"model", "agent", "custom_llm_provider"}
_WORDS = {
    "messages",
    "input",
    "prompt",
    "query",
    "documents",
    "contents",
    "image",
    "file",
    "document",
}
NEWEST = version("litellm").startswith(TABLE["version"])
ONLY_NEWEST = pytest.mark.skipif(
    not NEWEST, reason=f"the table is that of LiteLLM {TABLE['version']}"
)


def _is_decorated(function: Any) -> bool:
    """Whether LiteLLM's decorator for calls of providers stands around a function."""
    return "original_function" in function.__code__.co_freevars


def _reaches_provider(function: Any) -> bool:
    arguments = set(inspect.signature(function).parameters)
    return _is_decorated(function) or bool(arguments & _NAMES and arguments & _WORDS)


@cache
def functions() -> frozenset[str]:
    """The public functions that reach a provider, as `module:name`."""
    names = set()
    assert (
        litellm.response_cost_calculator
    )  # loaded when it is first asked for, which other tests may have done
    for place in TABLE["places"]:
        space = litellm if place == "litellm" else importlib.import_module(place)
        for name in dir(space):
            function = getattr(space, name)
            module = str(getattr(function, "__module__", ""))
            is_own = inspect.isfunction(function) and module.startswith("litellm.")
            if is_own and not name.startswith("_") and _reaches_provider(function):
                names.add(f"{module}:{function.__name__}")
    return frozenset(names)


def _rows_of(function: str) -> list[str]:
    module = function.partition(":")[0]
    return [row for row in ROWS if row == module or (":" in row and re.fullmatch(row, function))]


@ONLY_NEWEST
def test_each_function_has_a_row() -> None:
    """A function that a new version brings is noticed here."""
    assert functions()
    missing = [function for function in sorted(functions() - WATCHED) if not _rows_of(function)]
    assert not missing


@ONLY_NEWEST
@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_of_use(row: str) -> None:
    """A row is about functions that are there, and about none that is watched."""
    assert ROWS[row]
    about = [function for function in functions() if row in _rows_of(function)]
    assert about
    assert not WATCHED.intersection(about)


def test_what_is_watched_is_there() -> None:
    """Each function that is watched is one that LiteLLM's decorator stands around, in one of its places."""
    watched_names = {}
    for function in FUNCTIONS:
        try:
            module = importlib.import_module(function.module)
        except ModuleNotFoundError:
            continue
        assert callable(getattr(module, function.name))
        watched_names[function.name] = module
    assert {function.name for function in FUNCTIONS} == set(watched_names)
