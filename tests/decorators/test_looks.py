"""What is decorated looks, binds, copies and pickles as before."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import typing
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import callspan
from decorators.subjects import (
    KINDS,
    current,
    marked_plain,
    plain,
    tree,
)
from program import CHAT
from telemetry import Telemetry


@callspan.tool
def priced(stems: int) -> int:
    return stems


def looks(function: Any) -> dict[str, Any]:
    """How a function looks to code that examines it."""
    asks = [
        inspect.isfunction,
        inspect.isroutine,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
    ]
    asks += [inspect.isasyncgenfunction, asyncio.iscoroutinefunction, callable]
    return {
        "is": [ask(function) for ask in asks],
        "signature": inspect.signature(function),
        "hints": typing.get_type_hints(function),
        "names": (function.__name__, function.__qualname__, function.__module__, function.__doc__),
        "code": function.__code__,
        "defaults": function.__kwdefaults__,
        "file": inspect.getsourcefile(function),
    }


@pytest.mark.parametrize("function", KINDS)
@pytest.mark.parametrize("instrumented", [False, True])
def test_decorated_functions_look_as_before(
    telemetry: Telemetry, function: Any, instrumented: bool
) -> None:
    """A decorated function looks like itself, and what it gives is of the type that it gives without us."""
    if not instrumented:
        callspan.uninstrument()
    decorated = callspan.tool(function)
    assert looks(decorated) == looks(function)
    given, expected = decorated(3), function(3)
    assert isinstance(given, type(expected))
    for name in ("__name__", "__qualname__"):
        assert getattr(given, name, None) == getattr(expected, name, None)
    for each in (given, expected):
        if inspect.iscoroutine(each):
            each.close()


class Shop:
    """Methods of every kind, decorated above and below the decorators of their classes."""

    def __init__(self, name: str) -> None:
        self.name = name

    @callspan.tool
    def method(self, stems: int) -> str:
        return f"{self.name} {stems}"

    @callspan.tool
    async def coroutine(self, stems: int) -> str:
        return f"{self.name} {stems}"

    @callspan.tool
    @classmethod
    def class_above(cls, stems: int) -> str:
        return f"{cls.__name__} {stems}"

    @classmethod
    @callspan.tool
    def class_below(cls, stems: int) -> str:
        return f"{cls.__name__} {stems}"

    @callspan.tool
    @staticmethod
    def static_above(stems: int) -> str:
        return f"static {stems}"

    @staticmethod
    @callspan.tool
    def static_below(stems: int) -> str:
        return f"static {stems}"

    @property
    @callspan.tool
    def cost(self) -> str:
        return self.name


class Branch(Shop):
    """One that inherits them."""


METHODS = {
    "method": "Bo 3",
    "class_above": "Branch 3",
    "class_below": "Branch 3",
    "static_above": "static 3",
    "static_below": "static 3",
}


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("name", METHODS)
def test_decorated_methods(telemetry: Telemetry, name: str) -> None:
    """Methods bind as before, in either order of the decorators; `self` and `cls` are no arguments."""
    assert getattr(Branch("Bo"), name)(3) == METHODS[name]
    assert telemetry.span.name == f"execute_tool {name}"
    assert telemetry.attributes["gen_ai.tool.call.arguments"] == '{"stems":3}'


def test_decorated_methods_by_their_class(telemetry: Telemetry) -> None:
    """A method called by its class, one that is a property, and a coroutine's."""
    shop = Branch("Bo")
    assert Shop.method(shop, 3) == "Bo 3"
    assert shop.cost == "Bo"
    assert asyncio.run(shop.coroutine(3)) == "Bo 3"
    assert inspect.iscoroutinefunction(shop.coroutine)
    assert [span.name for span in telemetry.spans] == [
        f"execute_tool {n}" for n in ("method", "cost", "coroutine")
    ]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda found: pickle.loads(pickle.dumps(found))]
)
def test_copies_of_decorated_functions(telemetry: Telemetry, name: str, copied: Any) -> None:
    """What is decorated copies and pickles, as functions and methods do, and stays decorated."""
    assert copied(priced) is priced
    assert copied(marked_plain)(1) == "1 red"  # which has another name than its function
    telemetry.clear()
    assert copied(getattr(Branch("Bo"), name))(3) == METHODS[name]
    assert copied(getattr(Branch, name)) == getattr(Branch, name)
    assert telemetry.span.name == f"execute_tool {name}"


def test_local_functions_do_not_pickle() -> None:
    """What cannot be pickled without us cannot be pickled with us, with the same error."""
    local = lambda: None  # noqa: E731  the shortest local function
    errors = []
    for found in (local, callspan.tool(local)):
        with pytest.raises((AttributeError, pickle.PicklingError)) as caught:
            pickle.dumps(found)
        errors.append(type(caught.value))
    assert errors[0] is errors[1]


def test_other_callables(telemetry: Telemetry) -> None:
    """Bound methods, partial functions, objects that can be called, and builtin functions can be decorated too."""

    class Search:
        async def __call__(self, word: str) -> str:
            return word

    assert callspan.tool(Shop("Bo").__init__)("Al") is None
    assert callspan.tool(functools.partial(plain, 3))(color="blue") == "3 blue"
    assert callspan.tool("length")(len)("four") == 4
    search = Search()
    assert asyncio.run(callspan.tool(search)("word")) == "word"
    assert pickle.loads(pickle.dumps(callspan.tool(functools.partial(plain, 3))))() == "3 red"
    assert [span.name.split()[1] for span in telemetry.spans] == [
        "__init__",
        "plain",
        "length",
        "Search",
    ]


def test_other_decorators_between(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Where another decorator hides what a function is, its operation still covers what is awaited or read."""

    def hiding(function: Any) -> Any:
        @functools.wraps(function)
        def hidden(*args: Any) -> Any:
            return function(*args)

        return hidden

    @callspan.agent
    @hiding
    async def asks() -> str:
        await asyncio.sleep(0)
        client.chat.completions.create(**CHAT)
        return current()

    @callspan.workflow
    @hiding
    def reads() -> Iterator[str]:
        yield current()
        client.embeddings.create(model="text-embedding-3-small", input="roses")

    assert asyncio.run(asks()) == "invoke_agent asks"
    assert list(reads()) == ["invoke_workflow reads"]
    assert tree(telemetry) == {
        "chat gpt-4.1-mini": "invoke_agent asks",
        "invoke_agent asks": None,
        "embeddings text-embedding-3-small": "invoke_workflow reads",
        "invoke_workflow reads": None,
    }
    telemetry.clear()
    given = asks()
    given.close()
    del given
    reads()
    assert [dict(span.attributes or {})["callspan.outcome"] for span in telemetry.spans] == [
        "abandoned"
    ] * 2
