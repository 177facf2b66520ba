"""Requests of MCP, with the protocol's own package on both sides: in one process, over a pipe and over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import mcp
import pytest
import uvicorn
from mcp import ClientSession, StdioServerParameters
from mcp.client import streamable_http
from mcp.client.stdio import stdio_client
from mcp.shared.memory import create_client_server_memory_streams
from opentelemetry import baggage, trace
from opentelemetry import context as otel
from opentelemetry.sdk.trace import ReadableSpan

import callspan
from callspan.testing.modelserver import ModelServer
from clients import async_openai_client
from program import CHAT
from telemetry import Telemetry

try:
    from mcp.server.mcpserver import Context, MCPServer
except ImportError:  # mcp 1.x
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as MCPServer

HTTP_CLIENT = getattr(streamable_http, "streamable_http_client", None)
# of mcp 1.20; later versions have both
HTTP_CLIENT = HTTP_CLIENT or streamable_http.streamablehttp_client  # type: ignore[attr-defined]
KINDS = {trace.SpanKind.CLIENT: "client", trace.SpanKind.SERVER: "server"}
ERROR = getattr(mcp, "MCPError", None) or mcp.McpError  # type: ignore[attr-defined]
INITIALIZED = "notifications/initialized"
NAMES = ["initialize", INITIALIZED, "tools/list", "tools/call price"]
SERVER = Path(__file__).with_name("mcp_server.py")


class Shop:
    """A server, and what its tools wait for and have seen."""

    def __init__(self) -> None:
        self.server = server = MCPServer("flowers")
        self.started = asyncio.Event()
        self.baggage: object = None
        self.work: Callable[[], Any] = lambda: None

        @server.tool()
        async def price(flower: str) -> str:
            """Tell a price."""
            self.baggage = baggage.get_baggage("shop")
            if flower == "weed":
                raise ValueError("we sell no weed")
            await asyncio.sleep(0)
            return f"{flower}: 1.20"

        @server.tool()
        async def poem() -> str:
            """Ask a model."""
            return await self.work()

        @server.tool()
        async def order() -> str:
            """Never end."""
            self.started.set()
            await asyncio.Event().wait()
            return ""

        @server.tool()
        async def pack(context: Context) -> str:
            """Report how far it is."""
            await context.report_progress(1, 2)
            await context.report_progress(2, 2)
            return "packed"

        @server.resource("flowers://catalogue")
        def catalogue() -> str:
            return "rose"

        @server.prompt()
        def ask(flower: str) -> str:
            return f"How long does a {flower} last?"

    @property
    def lowlevel(self) -> Any:
        """The server without its decorators."""
        return getattr(self.server, "_lowlevel_server", None) or self.server._mcp_server


@contextlib.asynccontextmanager
async def in_memory(shop: Shop, **options: Any) -> AsyncIterator[ClientSession]:
    """Open a session with a server in this process, over streams."""
    async with create_client_server_memory_streams() as (client_streams, server_streams):
        options_of_server = shop.lowlevel.create_initialization_options()
        task = asyncio.create_task(shop.lowlevel.run(*server_streams, options_of_server))
        async with ClientSession(*client_streams, **options) as session:
            await session.initialize()
            # a session asks for the tools of a server after the first call of one
            await session.list_tools()
            yield session
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def tree(spans: list[ReadableSpan]) -> list[tuple[str, str, str | None]]:
    """Return name, kind and the parent's name of each span, in the order of their starts."""
    names = {span.context.span_id: f"{KINDS.get(span.kind)} {span.name}" for span in spans}
    ordered = sorted(spans, key=lambda span: span.start_time or 0)
    return [
        (
            span.name,
            KINDS.get(span.kind, ""),
            names.get(span.parent.span_id) if span.parent else None,
        )
        for span in ordered
    ]


def named(telemetry: Telemetry, name: str) -> dict[str, dict[str, Any]]:
    """Return the attributes of the two spans of a request, by their kinds."""
    spans = [span for span in telemetry.spans if span.name == name]
    return {KINDS[span.kind]: dict(span.attributes or {}) for span in spans}


async def test_each_request_is_two_spans_in_one_trace(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """What the server's tool calls is in the same trace, below the server's span."""
    shop = Shop()
    async with async_openai_client(model_server.url) as client:

        async def ask_model() -> str:
            answer = await client.chat.completions.create(**CHAT)
            return answer.choices[0].message.content

        shop.work = ask_model
        async with in_memory(shop) as session:
            await session.call_tool("poem", {})
            await session.read_resource("flowers://catalogue")  # type: ignore[arg-type]
            await session.get_prompt("ask", {"flower": "rose"})
    names = ["initialize", INITIALIZED, "tools/list", "tools/call poem", "resources/read"]
    pairs = []
    for name in [*names, "prompts/get ask"]:
        pairs += [(name, "client", None), (name, "server", f"client {name}")]
        if name == "tools/call poem":
            pairs.append(("chat gpt-4.1-mini", "client", "server tools/call poem"))
    # how a notification and the next request follow each other is not fixed
    assert sorted(tree(telemetry.spans), key=str) == sorted(pairs, key=str)
    calls = named(telemetry, "tools/call poem")
    for attributes in calls.values():
        assert attributes["gen_ai.operation.name"] == "execute_tool"
        assert attributes["gen_ai.tool.name"] == "poem"
        assert attributes["mcp.method.name"] == "tools/call"
        assert attributes["mcp.protocol.version"] >= "2025-06-18"
        assert attributes["callspan.outcome"] == "completed"
    assert calls["client"]["jsonrpc.request.id"] == calls["server"]["jsonrpc.request.id"]
    assert named(telemetry, "resources/read")["client"]["mcp.resource.uri"] == "flowers://catalogue"
    prompt = named(telemetry, "prompts/get ask")["client"]
    assert prompt["gen_ai.prompt.name"] == "ask"
    assert "gen_ai.operation.name" not in prompt


async def test_durations_are_metrics_of_both_sides(telemetry: Telemetry) -> None:
    async with in_memory(Shop()) as session:
        await session.call_tool("price", {"flower": "rose"})
        await session.call_tool("price", {"flower": "weed"})
    for side in ("client", "server"):
        points = telemetry.points(f"mcp.{side}.operation.duration")
        tool_points = [point for point in points if "gen_ai.tool.name" in point["attributes"]]
        errors = [point["attributes"].get("error.type") for point in tool_points]
        assert sorted(errors, key=str) == [None, "tool_error"]
        assert all(point["count"] == 1 for point in points)
    # no model was called, so there is nothing under the names for that
    assert not telemetry.points("gen_ai.client.operation.duration")


@pytest.mark.parametrize("capture", ["off", "span"])
async def test_arguments_and_results_are_content(telemetry: Telemetry, capture: str) -> None:
    telemetry.instrument(capture=capture)
    async with in_memory(Shop()) as session:
        await session.call_tool("price", {"flower": "rose"})
    for attributes in named(telemetry, "tools/call price").values():
        if capture == "off":
            assert "rose" not in str(attributes)
            continue
        assert json.loads(attributes["gen_ai.tool.call.arguments"]) == {"flower": "rose"}
        assert "rose: 1.20" in attributes["gen_ai.tool.call.result"]
    assert ("rose" in telemetry.everything()) == (capture != "off")


@pytest.mark.parametrize("capture", ["off", "span"])
async def test_variables_of_a_prompt_are_content(telemetry: Telemetry, capture: str) -> None:
    telemetry.instrument(capture=capture)
    async with in_memory(Shop()) as session:
        await session.get_prompt("ask", {"flower": "rose"})
    for attributes in named(telemetry, "prompts/get ask").values():
        variable = attributes.get("gen_ai.prompt.variable.flower")
        assert variable == (None if capture == "off" else "rose")
        assert "gen_ai.tool.call.arguments" not in attributes
    assert ("rose" in telemetry.everything()) == (capture != "off")


async def test_a_tool_that_says_it_failed_has_failed(telemetry: Telemetry) -> None:
    async with in_memory(Shop()) as session:
        await session.call_tool("price", {"flower": "weed"})
    for attributes in named(telemetry, "tools/call price").values():
        assert attributes["callspan.outcome"] == "error"
        assert attributes["error.type"] == "tool_error"
    assert "no weed" not in telemetry.everything()


async def test_what_a_server_refuses_is_an_error_of_the_client(telemetry: Telemetry) -> None:
    """It is none of the server, which is asked for a method that it has not."""
    async with in_memory(Shop()) as session:
        with pytest.raises(ERROR):
            await session.unsubscribe_resource("flowers://catalogue")  # type: ignore[arg-type]
    sides = named(telemetry, "resources/unsubscribe")
    assert sides["client"]["callspan.outcome"] == "error"
    assert sides["client"]["error.type"] == "-32601"
    assert sides["server"]["callspan.outcome"] == "completed"
    for attributes in sides.values():
        assert attributes["rpc.response.status_code"] == "-32601"


async def test_what_a_handler_raises_is_an_error_of_both(telemetry: Telemetry) -> None:
    async with in_memory(Shop()) as session:
        with pytest.raises(ERROR) as caught:
            await session.get_prompt("no_such_prompt")
    sides = named(telemetry, "prompts/get no_such_prompt")
    assert sides["client"]["error.type"] == str(caught.value.error.code)
    for attributes in sides.values():
        assert attributes["callspan.outcome"] == "error"


async def test_a_cancelled_request_is_cancelled_on_both_sides(telemetry: Telemetry) -> None:
    shop = Shop()
    async with in_memory(shop) as session:
        order = asyncio.create_task(session.call_tool("order", {}))
        await shop.started.wait()
        order.cancel()
        await asyncio.gather(order, return_exceptions=True)
        # mcp 1.x does not tell the server by itself
        if not hasattr(mcp, "Client"):
            await _cancel(session, telemetry)
        # answered after the server has seen the cancellation
        await session.list_tools()
    for attributes in named(telemetry, "tools/call order").values():
        assert attributes["callspan.outcome"] == "cancelled"


async def _cancel(session: Any, _telemetry: Telemetry) -> None:
    params = {"requestId": session._request_id - 1}
    notification = mcp.types.CancelledNotification(params=params)  # type: ignore[arg-type]
    await session.send_notification(mcp.types.ClientNotification(notification))  # type: ignore[operator]


async def test_concurrent_calls_do_not_mix(telemetry: Telemetry) -> None:
    flowers = [f"flower{number}" for number in range(20)]
    telemetry.instrument(capture="span")
    async with in_memory(Shop()) as session:
        with telemetry.tracer.start_as_current_span("app"):
            await asyncio.gather(*(session.call_tool("price", {"flower": f}) for f in flowers))
    calls = [span for span in telemetry.spans if span.name == "tools/call price"]
    by_id = {span.context.span_id: span for span in calls}
    servers = [span for span in calls if span.kind is trace.SpanKind.SERVER]
    assert len(calls) == 2 * len(servers) == 40
    for span in servers:
        assert span.parent is not None
        client = by_id[span.parent.span_id].attributes or {}
        server = span.attributes or {}
        for name in ("jsonrpc.request.id", "gen_ai.tool.call.arguments"):
            assert client[name] == server[name]


async def test_progress_reaches_the_app(telemetry: Telemetry) -> None:
    steps: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async with in_memory(Shop()) as session:
        await session.call_tool("pack", {}, progress_callback=note)
    assert steps == [1, 2]
    assert named(telemetry, "tools/call pack").keys() == {"client", "server"}


async def test_notifications_are_spans_of_the_request_they_belong_to(telemetry: Telemetry) -> None:
    """At the other side too; a line of a log is none, as it is telemetry itself."""
    shop = Shop()
    lines: list[object] = []

    async def note(_progress: float, _total: float | None, _message: str | None) -> None: ...

    async def log(params: Any) -> None:
        lines.append(params.data)

    @shop.server.tool()
    async def write(context: Context) -> str:
        params = mcp.types.LoggingMessageNotificationParams(level="info", data="written")
        message = mcp.types.LoggingMessageNotification(params=params)
        if not hasattr(mcp, "Client"):
            message = mcp.types.ServerNotification(message)  # type: ignore[operator]
        await context.session.send_notification(message)
        return "done"

    async with in_memory(shop, logging_callback=log) as session:
        await session.call_tool("pack", {}, progress_callback=note)
        await session.call_tool("write", {})
        await session.list_tools()
    server, sent = "server tools/call pack", "client notifications/progress"
    progress = [span for span in tree(telemetry.spans) if span[0] == "notifications/progress"]
    assert sorted(progress) == [
        ("notifications/progress", "client", server),
        ("notifications/progress", "client", server),
        ("notifications/progress", "server", sent),
        ("notifications/progress", "server", sent),
    ]
    assert lines == ["written"]
    assert "notifications/message" not in telemetry.everything()
    for attributes in named(telemetry, "notifications/progress").values():
        assert attributes["mcp.method.name"] == "notifications/progress"
        assert "jsonrpc.request.id" not in attributes
    for side in ("client", "server"):
        points = telemetry.points(f"mcp.{side}.operation.duration")
        counts = {point["attributes"]["mcp.method.name"]: point["count"] for point in points}
        assert counts["notifications/progress"] == 2
        assert counts[INITIALIZED] == 1


def sessions(telemetry: Telemetry) -> dict[str, list[dict[str, Any]]]:
    """Return the points of the durations of sessions by their sides."""
    sides = ("client", "server")
    return {side: telemetry.points(f"mcp.{side}.session.duration") for side in sides}


async def test_the_duration_of_a_session_is_a_metric_of_both_sides(telemetry: Telemetry) -> None:
    """It has no span, and no handler of calls hears of it."""
    seen: list[str] = []

    class Handler:
        def on_end(self, call: callspan.Call, _response: object) -> None:
            seen.append(call.operation)

    telemetry.instrument(handlers=[Handler()])
    before = time.perf_counter()
    async with in_memory(Shop()):
        assert not any(sessions(telemetry).values())
    longest = time.perf_counter() - before
    for points in sessions(telemetry).values():
        (point,) = points
        assert (point["count"], point["attributes"].keys()) == (1, {"mcp.protocol.version"})
        assert 0 < point["sum"] <= longest
    assert set(seen) == {"mcp.client", "mcp.server"}
    assert "session" not in str([span.name for span in telemetry.spans])


async def test_a_session_ends_with_the_error_that_leaves_its_block(telemetry: Telemetry) -> None:
    # in mcp 2.x it comes out in a group
    with contextlib.suppress(Exception):
        async with in_memory(Shop()):
            raise ConnectionError("the shop has closed")
    (point,) = sessions(telemetry)["client"]
    assert point["attributes"]["error.type"] == "ConnectionError"


async def test_a_session_that_is_cancelled_has_not_failed(telemetry: Telemetry) -> None:
    is_open = asyncio.Event()

    async def shop() -> None:
        async with in_memory(Shop()):
            is_open.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(shop())
    await is_open.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (point,) = sessions(telemetry)["client"]
    assert "error.type" not in point["attributes"]


async def test_two_sides_that_never_agreed_had_no_session(telemetry: Telemetry) -> None:
    async with create_client_server_memory_streams() as (streams, _), ClientSession(*streams):
        pass
    assert not any(sessions(telemetry).values())


async def test_a_servers_own_request_is_two_spans_in_the_same_trace(telemetry: Telemetry) -> None:
    """A server may ask its client, and hears through the session of the request that it works on."""
    shop = Shop()

    @shop.server.tool()
    async def folders(context: Context) -> str:
        result = await context.session.list_roots()
        return str(len(result.roots))

    async def roots(_context: Any) -> Any:
        return mcp.types.ListRootsResult(roots=[])

    async with in_memory(shop, list_roots_callback=roots) as session:
        await session.call_tool("folders", {})
    assert tree(telemetry.spans)[-4:] == [
        ("tools/call folders", "client", None),
        ("tools/call folders", "server", "client tools/call folders"),
        ("roots/list", "client", "server tools/call folders"),
        ("roots/list", "server", "client roots/list"),
    ]


async def test_the_run_of_a_tool_stands_for_the_request_inside(telemetry: Telemetry) -> None:
    """An agent's tool that is one of a server has no second span; its second request has one."""
    async with in_memory(Shop()) as session:

        @callspan.tool(name="flowers_price")
        async def price(flower: str) -> Any:
            await session.call_tool("price", {"flower": flower})
            return await session.call_tool("price", {"flower": "rose"})

        await price("weed")
    tool, client = "execute_tool flowers_price", "client tools/call price"
    assert tree(telemetry.spans)[-4:] == [
        (tool, "", None),
        ("tools/call price", "server", f"None {tool}"),
        ("tools/call price", "client", f"None {tool}"),
        ("tools/call price", "server", client),
    ]
    attributes = next(span.attributes or {} for span in telemetry.spans if span.name == tool)
    assert attributes["mcp.method.name"] == "tools/call"
    assert attributes["gen_ai.tool.name"] == "flowers_price"
    assert attributes["error.type"] == "tool_error"


async def test_baggage_goes_along_and_the_servers_own_context_is_linked(
    telemetry: Telemetry,
) -> None:
    shop = Shop()
    with telemetry.tracer.start_as_current_span("server's start") as start:
        context = in_memory(shop)
        session = await context.__aenter__()
    token = otel.attach(baggage.set_baggage("shop", "rosa"))
    with telemetry.tracer.start_as_current_span("app"):
        await session.call_tool("price", {"flower": "rose"})
    otel.detach(token)
    await context.__aexit__(None, None, None)
    assert shop.baggage == "rosa"
    server = next(
        span
        for span in telemetry.spans
        if span.name == "tools/call price" and span.kind is trace.SpanKind.SERVER
    )
    if not hasattr(mcp, "Client"):
        # in mcp 1.x handlers have the context of the session's start
        assert [link.context for link in server.links] == [start.get_span_context()]


@pytest.mark.parametrize(
    "meta", [{"traceparent": "no such thing"}, {"traceparent": 7}, {"tracestate": "x" * 5000}]
)
async def test_a_bad_trace_context_is_no_parent(telemetry: Telemetry, meta: dict[str, Any]) -> None:
    shop = Shop()
    async with in_memory(shop) as session:
        callspan.uninstrument()  # the client writes no trace context of its own
        telemetry.instrument()
        telemetry.clear()
        await session.call_tool("price", {"flower": "rose"}, meta=meta)
    assert len(named(telemetry, "tools/call price")) == 2


@pytest.mark.skipif(not hasattr(mcp, "Client"), reason="mcp 1.x has no client without streams")
async def test_a_server_in_the_same_process_without_json_rpc(telemetry: Telemetry) -> None:
    async with mcp.Client(Shop().server) as client:
        await client.list_tools()
        await client.call_tool("price", {"flower": "rose"})
    assert tree(telemetry.spans)[-2:] == [
        ("tools/call price", "client", None),
        ("tools/call price", "server", "client tools/call price"),
    ]
    # the newest protocol has none
    assert not any(sessions(telemetry).values())


async def test_a_request_by_keywords_takes_the_context_along(telemetry: Telemetry) -> None:
    """A session of mcp 1.x sends models, and a dispatcher of 2.x sends plain data."""
    async with in_memory(Shop()) as session:
        telemetry.clear()
        dispatcher = getattr(session, "_dispatcher", None)
        if dispatcher is None:
            await session.send_request(
                request=mcp.types.ClientRequest(mcp.types.PingRequest(method="ping")),
                result_type=mcp.types.EmptyResult,
            )
        else:
            await dispatcher.send_raw_request(method="ping", params=None)
    pings = [span for span in tree(telemetry.spans) if span[0] == "ping"]
    assert pings == [("ping", "client", None), ("ping", "server", "client ping")]


@pytest.mark.skipif(not hasattr(mcp, "Client"), reason="mcp 1.x has no dispatchers")
@pytest.mark.guard_acts
async def test_a_missing_argument_fails_as_it_does_without_us(telemetry: Telemetry) -> None:
    async with in_memory(Shop()) as session:
        dispatcher: Any = session._dispatcher
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'params'"):
            await dispatcher.send_raw_request("ping")
        # odd parameters are the dispatcher's to refuse
        with pytest.raises((TypeError, ValueError)):
            await dispatcher.send_raw_request("ping", 7)
    assert [span.name for span in telemetry.spans].count("ping") == 2


@pytest.mark.parametrize("keep", [False, True])
async def test_own_spans_of_mcp_give_way(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.tracer_provider)
    telemetry.instrument(on_native="keep" if keep else "mute")
    async with in_memory(Shop()) as session:
        await session.call_tool("price", {"flower": "rose"})
    others = [span for span in telemetry.all_spans if span not in telemetry.spans]
    has_own = hasattr(mcp, "Client")
    assert bool(others) == (keep and has_own)
    assert any(line.startswith("mcp:") for line in callspan.status().muted) == (
        not keep and has_own
    )


async def test_nothing_is_left_after_uninstrument(telemetry: Telemetry) -> None:
    telemetry.instrument()
    callspan.uninstrument()
    async with in_memory(Shop()) as session:
        await session.call_tool("price", {"flower": "rose"})
    assert not telemetry.spans
    assert not hasattr(ClientSession.send_request, "__wrapped__")


async def test_a_server_in_a_child_process_is_in_the_same_trace(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    file = tmp_path / "server.jsonl"
    environment = {**os.environ, "SPANS": str(file)}
    parameters = StdioServerParameters(command=sys.executable, args=[str(SERVER)], env=environment)
    async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
        await session.initialize()
        await session.list_tools()
        await session.call_tool("price", {"flower": "rose"})
    clients = {span.context.span_id: span for span in telemetry.spans}
    assert [span.name for span in clients.values()] == NAMES
    spans = read_spans(file)
    assert [span["name"] for span in spans] == NAMES
    for span in spans:
        client = clients[int(span["parentSpanId"], 16)]
        assert int(span["traceId"], 16) == client.context.trace_id
        assert (client.attributes or {})["network.transport"] == "pipe"
        assert {"key": "network.transport", "value": {"stringValue": "pipe"}} in span["attributes"]


def read_spans(file: Path) -> list[dict[str, Any]]:
    """Return the spans in a file of OTLP's JSON."""
    spans: list[dict[str, Any]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line).get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                spans += scope["spans"]
    return spans


@pytest.fixture
def http_server() -> Iterator[tuple[Shop, int]]:
    """A server over streamable HTTP on a free port, and the port."""
    shop = Shop()
    config = uvicorn.Config(shop.server.streamable_http_app(), port=0, log_level="error")
    server = uvicorn.Server(config)
    started = threading.Event()
    startup = server.startup

    async def note_start(sockets: Any = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = note_start  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(30)
    yield shop, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(30)


async def test_a_server_over_http(telemetry: Telemetry, http_server: tuple[Shop, int]) -> None:
    _, port = http_server
    async with (
        HTTP_CLIENT(f"http://127.0.0.1:{port}/mcp") as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        await session.list_tools()
        await session.call_tool("price", {"flower": "rose"})
    assert tree(telemetry.spans)[-2:] == [
        ("tools/call price", "client", None),
        ("tools/call price", "server", "client tools/call price"),
    ]
    sides = named(telemetry, "tools/call price")
    for attributes in sides.values():
        assert attributes["network.transport"] == "tcp"
        assert attributes["network.protocol.name"] == "http"
    client, server = sides["client"], sides["server"]
    assert (client["server.address"], client["server.port"]) == ("127.0.0.1", port)
    assert client["mcp.session.id"] == server["mcp.session.id"]
    assert server["client.address"] == "127.0.0.1"
    assert server["network.protocol.version"] == "1.1"
    (point,) = sessions(telemetry)["client"]
    assert point["attributes"] == {
        "mcp.protocol.version": client["mcp.protocol.version"],
        "network.protocol.name": "http",
        "server.address": "127.0.0.1",
        "server.port": port,
    }
