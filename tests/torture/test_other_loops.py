"""Programs that run on trio, on gevent or on eventlet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply
from child import PRINTING, printed_spans, run
from clients import async_openai_client
from program import CHAT
from telemetry import Telemetry

trio = pytest.importorskip("trio", reason="trio is not installed")


async def read(client: Any, **_: Any) -> None:
    async for _chunk in await client.chat.completions.create(**CHAT, stream=True):
        pass


async def leave(client: Any, **_: Any) -> None:
    async for _chunk in await client.chat.completions.create(**CHAT, stream=True):
        break


async def cancelled_between_chunks(client: Any, **_: Any) -> None:
    with trio.CancelScope() as scope:
        async for _chunk in await client.chat.completions.create(**CHAT, stream=True):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def cancelled_in_a_chunk(client: Any, came: trio.Event) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def work() -> None:
                async for _chunk in await client.chat.completions.create(**CHAT, stream=True):
                    came.set()

            nursery.start_soon(work)
            await came.wait()
            scope.cancel()


async def cancelled_by_time(client: Any, **_: Any) -> None:
    with trio.move_on_after(0.2) as scope:
        await client.chat.completions.create(**CHAT)
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("reader", "outcome"),
    [
        (read, "completed"),
        (leave, "abandoned"),
        (cancelled_between_chunks, "cancelled"),
        (cancelled_in_a_chunk, "cancelled"),
        (cancelled_by_time, "cancelled"),
    ],
)
def test_a_program_on_trio(
    telemetry: Telemetry, model_server: ModelServer, reader: Callable[..., Any], outcome: str
) -> None:
    """A stream read under trio ends its span as it does under asyncio; cancellation is trio's own."""
    gate = threading.Event()
    if reader in (cancelled_in_a_chunk, cancelled_by_time):
        model_server.enqueue(Reply(gate=gate, gate_after=0 if reader is cancelled_by_time else 2))

    async def main() -> None:
        async with async_openai_client(model_server.url) as client:
            await reader(client, came=trio.Event())

    try:
        trio.run(main)
    finally:
        gate.set()
    assert telemetry.attributes["callspan.outcome"] == outcome


GEVENT = (
    """
from gevent import monkey
monkey.patch_all()
import gc, gevent, gevent.event
"""
    + PRINTING
    + """
import openai, callspan
from opentelemetry import trace
trace.set_tracer_provider(provider)
callspan.instrument()
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")

def read(model, begun=None):
    for _ in client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hi"}], stream=True
    ):
        if begun:
            begun.set()
            gevent.sleep(600)

turns = []
other = gevent.spawn(lambda: [turns.append(gevent.sleep(0.001)) for _ in range(10**9)])
begun = gevent.event.Event()
killed = gevent.spawn(read, "killed", begun)
begun.wait()
killed.kill()
# not later, within a request: httpcore's pool would take its lock a second time, without us too
gc.collect()
gevent.joinall([gevent.spawn(read, "read") for _ in range(3)], raise_error=True)
stream = client.chat.completions.create(model="dropped", messages=[{"role": "user", "content": "Hi"}], stream=True)
del stream
gc.collect()
before = len(turns)
assert callspan.flush(30)
gevent.sleep(0.01)
assert len(turns) > before
other.kill()
"""
)


def test_a_program_on_gevent(model_server: ModelServer) -> None:
    """In a program of greenlets calls are told, a killed reader is one that stopped, and nothing blocks the others."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    done = run(GEVENT, model_server.url)
    outcomes = sorted(
        (span["gen_ai.request.model"], span["callspan.outcome"]) for span in printed_spans(done)
    )
    assert outcomes == [
        ("dropped", "abandoned"),
        ("killed", "abandoned"),
        *[("read", "completed")] * 3,
    ]
    assert "callspan" not in done.stderr


GEVENT_START = """
from gevent import monkey
monkey.patch_all()
import gevent as green
"""
# eventlet's sockets lack what trio looks for, so its clients must not load trio
EVENTLET_START = """
import sys
sys.modules["trio"] = None
import eventlet as green
green.monkey_patch()
"""
HANDLER = (
    """
import asyncio
"""
    + PRINTING
    + """
import openai, callspan
from opentelemetry import trace
trace.set_tracer_provider(provider)
heard = []

class Notes:
    async def on_start(self, call):
        await asyncio.sleep(0)
        heard.append("start")
    async def on_token(self, call, token):
        heard.append("token")
    async def on_end(self, call, response):
        await asyncio.get_running_loop().run_in_executor(None, heard.append, "end")
        await held.wait()

class Gate:  # shut until the program opens it, from another thread
    def __init__(self):
        self.open = False
    async def wait(self):
        while not self.open:
            await asyncio.sleep(0.001)

held = Gate()
callspan.instrument(handlers=[Notes()])
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")
for _ in client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hi"}], stream=True):
    pass

async def own():  # the app's own event loop, which has nothing to do with ours
    return asyncio.get_running_loop().is_running()

assert asyncio.run(own())
turns = []
other = green.spawn(lambda: [turns.append(green.sleep(0.001)) for _ in range(10**9)])
assert not callspan.flush(0.2)  # the handler is not done
assert turns
held.open = True
assert callspan.flush(30)
other.kill()
assert heard == ["start", *["token"] * (len(heard) - 2), "end"], heard
assert len(heard) > 2
"""
)
FORKING = """
import os
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
heard.clear()
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")
client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hi"}])
assert callspan.flush(30)
assert heard == ["start", "end"], heard
"""


@pytest.mark.parametrize("first", ["gevent", "callspan"])
def test_gevent_asynchronous_handlers(model_server: ModelServer, first: str) -> None:
    """An asynchronous handler hears all in a program of greenlets, and `flush` waits for it without blocking others.

    Its event loop is neither the app's nor in its way; whoever was imported first, and after a fork too.
    """
    pytest.importorskip("gevent", reason="gevent is not installed")
    set_up = "import callspan.runtime.background\n" if first == "callspan" else ""
    done = run(set_up + GEVENT_START + HANDLER + FORKING, model_server.url)
    assert len(printed_spans(done)) == 3
    assert "callspan" not in done.stderr


@pytest.mark.parametrize("first", ["eventlet", "callspan"])
def test_eventlet_asynchronous_handlers(model_server: ModelServer, first: str) -> None:
    """An asynchronous handler hears all in a program of eventlet's greenlets as in one of gevent's."""
    pytest.importorskip("eventlet", reason="eventlet is not installed")
    set_up = "import callspan.runtime.background\n" if first == "callspan" else ""
    program = set_up + EVENTLET_START + HANDLER + FORKING
    done = run(program, model_server.url, EVENTLET_NO_GREENDNS="yes")
    assert len(printed_spans(done)) == 3
    assert "callspan" not in done.stderr


def test_eventlet_on_a_loop_of_asyncio(model_server: ModelServer) -> None:
    """An asynchronous handler hears all where eventlet itself runs on an event loop, which lets nobody run another."""
    pytest.importorskip("eventlet", reason="eventlet is not installed")
    program = EVENTLET_START + HANDLER.replace("assert asyncio.run(own())", "")
    done = run(program, model_server.url, EVENTLET_NO_GREENDNS="yes", EVENTLET_HUB="asyncio")
    assert len(printed_spans(done)) == 1
    assert "callspan" not in done.stderr


MANY_GREENLETS = (
    EVENTLET_START
    + PRINTING
    + """
import asyncio, collections, openai, callspan
from opentelemetry import trace
trace.set_tracer_provider(provider)
heard = collections.Counter()

class Notes:
    async def on_token(self, call, token):
        await asyncio.sleep(0)
        heard["token"] += 1
    async def on_end(self, call, response):
        heard["end"] += 1

callspan.instrument(handlers=[Notes()])
client = openai.OpenAI(base_url=sys.argv[1], api_key="any")

def read(_number):
    for _ in client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hi"}], stream=True):
        pass

pool = green.GreenPool(8)
for _ in pool.imap(read, range(80)):
    pass
assert callspan.flush(30)
assert (heard["end"], heard["token"] % 80) == (80, 0), heard
"""
)


def test_eventlet_many_greenlets(model_server: ModelServer) -> None:
    """No event is lost where many greenlets call at once while a real thread tells a handler of their calls."""
    pytest.importorskip("eventlet", reason="eventlet is not installed")
    done = run(MANY_GREENLETS, model_server.url, EVENTLET_NO_GREENDNS="yes")
    assert done.returncode == 0, done.stderr
    assert "callspan" not in done.stderr
