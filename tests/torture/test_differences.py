"""The same program with and without callspan: its functions look alike, and its errors and warnings are the same."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pickle
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import callspan
import child
from callspan.clients import CLIENTS
from callspan.hooks.client import Subscriber
from callspan.testing.modelserver import ModelServer, Reply
from table.kinds import KINDS, Kind
from telemetry import Telemetry


def targets() -> dict[str, Any]:
    """Everything that callspan patches of the clients that are installed, by module and path."""
    found: dict[str, Any] = {}
    for client in (listing.load() for listing in CLIENTS):
        for patch in client.hook(client, Subscriber(lambda _request: None)):
            try:
                target: Any = importlib.import_module(patch.module)
                for name in patch.path.split("."):
                    target = inspect.getattr_static(target, name)
            except (ImportError, AttributeError):
                continue  # another version of the client has it elsewhere
            found[f"{patch.module}:{patch.path}"] = target
    return found


def told(ask: Any) -> Any:
    """What a question about a function yields, as the type of the error where it yields none."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001  to be compared
        return type(error)


def looks(function: Any) -> dict[str, Any]:
    """How a function looks to code that examines it."""
    return {
        "signature": told(lambda: inspect.signature(function)),
        "hints": told(lambda: typing.get_type_hints(function)),
        "kinds": [
            told(lambda ask=ask: ask(function))
            for ask in (
                inspect.iscoroutinefunction,
                asyncio.iscoroutinefunction,
                inspect.isasyncgenfunction,
                inspect.isgeneratorfunction,
                inspect.isroutine,
                callable,
            )
        ],
        "names": [
            getattr(function, name, None)
            for name in ("__module__", "__name__", "__qualname__", "__doc__")
        ],
        "defaults": [
            getattr(function, name, None)
            for name in ("__defaults__", "__kwdefaults__", "__annotations__")
        ],
        "pickle": told(lambda: pickle.loads(pickle.dumps(function)).__qualname__),
    }


def test_functions_look_alike(telemetry: Telemetry) -> None:
    """Signature, hints, kind, names, defaults and pickle of every function that is patched, in every client."""
    patched = {name: looks(target) for name, target in targets().items() if callable(target)}
    callspan.uninstrument()
    assert len(patched) > 15
    assert patched == {
        name: looks(target) for name, target in targets().items() if callable(target)
    }


def test_uninstrument_restores_every_function(telemetry: Telemetry) -> None:
    """`uninstrument()` leaves every target of every client the object it was, with nothing of ours around it."""
    patched = targets()
    callspan.uninstrument()
    before = targets()
    assert len(before) > 15
    assert all(patched[name] is not target for name, target in before.items())
    assert not [
        name for name, target in before.items() if type(target).__module__.startswith("callspan")
    ]
    for _ in range(2):
        telemetry.instrument()
        callspan.uninstrument()
        assert all(target is before[name] for name, target in targets().items())


# -- exceptions --------------------------------------------------------------------------------------------------------


def chain(error: BaseException | None) -> list[Any]:
    """An exception and all that hangs on it, without the addresses of objects."""
    if error is None:
        return []
    said = re.sub(r"0x[0-9a-f]+", "0x", repr(error.args))
    fields = sorted(name for name in vars(error) if not name.startswith("__"))
    return [
        (type(error), said, fields, error.__suppress_context__, getattr(error, "__notes__", None)),
        *chain(error.__cause__),
        *(chain(error.__context__) if error.__context__ is not error.__cause__ else []),
    ]


REPLIES = {
    "refused": Reply(status=400),
    "limited": Reply(status=429),
    "broken": Reply(status=500),
    "garbage": Reply(raw=b"<html>"),
    "nothing": Reply(raw=b""),
    "cut": Reply(cut_after=0),
    "cut_later": Reply(cut_after=2),
    "error_event": Reply(error_after=1),
}
WRONG: dict[str, dict[str, Any]] = {
    "unknown_argument": {"no_such_argument": 1},
    "no_json": {"model": object()},
    "address": {},
}


def failure(kind: Kind, url: str, stream: bool, request: dict[str, Any]) -> list[Any]:
    """What a synchronous program catches."""
    try:
        with kind.make(url) as client:
            found = kind.resource(client).create(**{**kind.request, **request}, stream=stream)
            list(found) if stream else None
    except Exception as error:  # noqa: BLE001  to be compared
        return chain(error)
    return []


async def afailure(kind: Kind, url: str, stream: bool, request: dict[str, Any]) -> list[Any]:
    """What an asynchronous program catches."""
    try:
        async with kind.amake(url) as client:
            found = await kind.resource(client).create(**{**kind.request, **request}, stream=stream)
            if stream:
                async for _ in found:
                    pass
    except Exception as error:  # noqa: BLE001  to be compared
        return chain(error)
    return []


def lines() -> Iterator[Any]:
    """Each kind of call, plain and streamed, in sync and async code."""
    for kind in KINDS:
        for stream in (False, True):
            for asynchronous in (False, True):
                way = f"{'async' if asynchronous else 'sync'}-{'streamed' if stream else 'plain'}"
                yield pytest.param(kind, stream, asynchronous, id=f"{kind}-{way}")


@pytest.mark.breaks("span.required", "a model that is none has no name")
@pytest.mark.parametrize(("kind", "stream", "asynchronous"), list(lines()))
def test_exceptions_are_the_same(
    telemetry: Telemetry, model_server: ModelServer, kind: Kind, stream: bool, asynchronous: bool
) -> None:
    """Class, arguments, fields, notes, cause and context of whatever is raised are as without us."""

    def caught() -> dict[str, Any]:
        found = {}
        for name, reply in {**REPLIES, **WRONG}.items():
            model_server.requests.clear()  # ids are numbered by it
            request = reply if isinstance(reply, dict) else {}
            if isinstance(reply, Reply):
                model_server.enqueue(reply)
            url = "http://127.0.0.1:9/v1" if name == "address" else model_server.url
            run = afailure if asynchronous else failure
            found[name] = run(kind, url, stream, request)
            if asynchronous:
                found[name] = asyncio.run(found[name])
        return found

    with_us = caught()
    callspan.uninstrument()
    assert caught() == with_us
    assert with_us["refused"]


# -- warnings ----------------------------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, sys, warnings
sys.path.insert(0, {tests!r})
from callspan.modelserver import ModelServer
from table.kinds import KINDS
{set_up}

def show(kind, way, *found):
    print(kind, way, *[type(each).__name__ for each in found])

async def main(kind, url):
    async with kind.amake(url) as client:
        show(kind, "answer", await kind.resource(client).create(**kind.request))
        async for item in await kind.resource(client).create(**kind.request, stream=True):
            show(kind, "item", item)
        async for item in await kind.resource(client).create(**kind.request, stream=True):
            break

def play(kind, url):
    try:
        with kind.make(url) as client:
            show(kind, "answer", kind.resource(client).create(**kind.request))
            show(kind, "items", *kind.resource(client).create(**kind.request, stream=True))
            for item in kind.resource(client).create(**kind.request, stream=True):
                break
        asyncio.run(main(kind, url))
    except Exception as error:
        show(kind, "error", error)

with ModelServer() as server:
    for kind in KINDS:
        for action in ("always", "error"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter(action)
                warnings.simplefilter("ignore", ResourceWarning)  # comes when the collector happens to run
                play(kind, server.url)
            said = {{f"{{each.category.__name__}} in {{each.filename}}:{{each.lineno}}" for each in caught}}
            print(kind, *sorted(said))
if "callspan.setup.instrument" in sys.modules:
    warnings.simplefilter("error")
    callspan.flush()
    callspan.uninstrument()
"""


def test_no_warning_of_ours() -> None:
    """Programs of all clients print the same and are warned of the same things, also where a warning is an error."""
    tests = str(Path(__file__).parent.parent)

    def output(set_up: str) -> list[str]:
        done = child.run(PROGRAM.format(tests=tests, set_up=set_up))
        assert done.returncode == 0, done.stderr
        assert [
            line
            for line in done.stderr.splitlines()
            if "callspan: " in line and "no OpenTelemetry" not in line
        ] == []
        return done.stdout.splitlines()

    assert output("import callspan; callspan.instrument(capture='both')") == output("")


def test_import_without_a_warning() -> None:
    """Importing, instrumenting and undoing it warns of nothing."""
    done = child.run(
        "import callspan; callspan.instrument(); callspan.uninstrument()", options=("-W", "error")
    )
    assert (done.returncode, done.stderr.count("Warning")) == (0, 0), done.stderr
