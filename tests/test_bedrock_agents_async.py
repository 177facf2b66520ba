"""Bedrock's agents and knowledge bases in asynchronous code, over a connection of their own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

import callspan
from callspan.testing.modelserver.eventstream import STREAMED, exception
from telemetry import Telemetry
from test_bedrock_agents import (
    AGENT,
    BASE,
    CAPTURED,
    FOUND,
    SAID,
    SERVICE,
    asked_of_the_base,
    events,
    search,
)

pytest.importorskip("aiobotocore")
pytestmark = pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, which Bedrock's page requires"
)


@dataclass
class Service:
    """Answers each request by the same: whole, or with the end held back until `goes_on`, or cut off before it."""

    body: bytes
    status: int = 200
    kind: str = STREAMED
    cut: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    goes_on: asyncio.Event | None = None
    requests: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request on a connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        sizes = (
            line.partition(b":")[2]
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        await reader.readexactly(int(next(sizes, b"0")))
        self.requests += 1
        told = {"content-type": self.kind, "transfer-encoding": "chunked", **self.headers}
        lines = [
            f"HTTP/1.1 {self.status} Told",
            *(f"{name}: {value}" for name, value in told.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        writer.write(b"%x\r\n%b\r\n" % (len(self.body), self.body))
        await writer.drain()
        if self.goes_on is not None:
            await self.goes_on.wait()
        if not self.cut:
            writer.write(b"0\r\n\r\n")
        writer.close()


@contextlib.asynccontextmanager
async def agents(service: Service) -> AsyncIterator[Any]:
    """A client of the agents' service, which asks this one."""
    from aws import async_bedrock

    server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
    try:
        async with async_bedrock(
            f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", SERVICE
        ) as client:
            yield client
    finally:
        server.close()


async def asked(client: Any) -> Any:
    """The stream of an agent's answer."""
    return (await client.invoke_agent(**AGENT, enableTrace=True))["completion"]


@CAPTURED
async def test_an_agent(telemetry: Telemetry) -> None:
    """Its answer is read piece by piece; the call ends with it."""
    async with agents(Service(SAID)) as client:
        stream = await asked(client)
        assert not telemetry.spans
        assert (
            b"".join([item["chunk"]["bytes"] async for item in stream if "chunk" in item])
            == b"A rose."
        )
    span, attributes = telemetry.span, telemetry.attributes
    assert span.name == "invoke_agent"
    assert (attributes["gen_ai.agent.id"], attributes["gen_ai.conversation.id"]) == (
        "FLORIST1",
        "s-1",
    )
    assert (attributes["gen_ai.provider.name"], attributes["callspan.outcome"]) == (
        "aws.bedrock",
        "completed",
    )
    assert attributes["callspan.client.name"] == "aiobotocore"
    assert "A rose." in attributes["gen_ai.output.messages"]
    assert "whisper-thought" not in span.to_json()


@pytest.mark.parametrize("way", ["break", "close", "never read"])
async def test_an_agent_left_early(telemetry: Telemetry, way: str) -> None:
    """A reader that stops, closes the stream or never looks at it has abandoned it."""
    async with agents(Service(SAID)) as client:
        with callspan.count_tokens() as count:
            stream = await asked(client)
            if way == "break":
                async for _ in stream:
                    break
            elif way == "close":
                stream.close()
            del stream
            gc.collect()
    callspan.flush()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert count.calls == 0


async def test_an_agent_whose_reader_is_cancelled(telemetry: Telemetry) -> None:
    """A task that is cancelled while it waits for the rest cancels the call."""
    service, begun = Service(SAID, goes_on=asyncio.Event()), asyncio.Event()

    async def read(client: Any) -> None:
        async for _ in await asked(client):
            begun.set()

    async with agents(service) as client:
        task = asyncio.ensure_future(read(client))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert service.goes_on is not None
        service.goes_on.set()
    assert telemetry.attributes["callspan.outcome"] == "cancelled"


async def test_an_agent_that_is_refused(telemetry: Telemetry) -> None:
    """The client's own exception, and the service's code and request."""
    told = {
        "x-amzn-errortype": "ThrottlingException",
        "x-amzn-requestid": "r-1",
        "retry-after": "2",
    }
    body = b'{"message": "Too many."}'
    async with agents(Service(body, 429, "application/json", headers=told)) as client:
        with pytest.raises(ClientError, match="Too many"):
            await asked(client)
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["http.response.status_code"]) == (
        "ThrottlingException",
        429,
    )
    assert attributes["http.response.header.x-request-id"] == ("r-1",)
    assert attributes["http.response.header.retry-after"] == ("2",)


async def test_an_error_inside_an_agents_answer(telemetry: Telemetry) -> None:
    """An answer that begins well can end in an error."""
    broken = SAID + exception("dependencyFailedException", b'{"message": "The tool is down."}')
    async with agents(Service(broken)) as client:
        with pytest.raises(EventStreamError):
            _ = [item async for item in await asked(client)]
    assert telemetry.attributes["error.type"] == "dependencyFailedException"
    assert telemetry.attributes["callspan.outcome"] == "error"


async def test_a_network_that_is_cut(telemetry: Telemetry) -> None:
    """The exception is the client's, and is told by its class."""
    async with agents(Service(SAID, cut=True)) as client:
        with pytest.raises(Exception, match=r"\w") as raised:
            _ = [item async for item in await asked(client)]
    kind = type(raised.value)
    assert telemetry.attributes["error.type"] == f"{kind.__module__}.{kind.__qualname__}"
    assert telemetry.attributes["callspan.outcome"] == "error"


@CAPTURED
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_out_of_a_knowledge_base(telemetry: Telemetry, stream: bool) -> None:
    """A model is asked with what is found, in one answer or piece by piece."""
    pieces = events(("output", {"text": "A "}), ("citation", {}), ("output", {"text": "rose."}))
    whole = b'{"sessionId": "s-1", "output": {"text": "A rose."}, "citations": []}'
    service = Service(pieces) if stream else Service(whole, kind="application/json")
    async with agents(service) as client:
        if stream and not hasattr(client, "retrieve_and_generate_stream"):
            pytest.skip("an old version of the client")
        if stream:
            answer = await client.retrieve_and_generate_stream(**asked_of_the_base())
            assert not telemetry.spans
            assert len([item async for item in answer["stream"]]) == 3
        else:
            answer = await client.retrieve_and_generate(**asked_of_the_base())
            assert answer["output"]["text"] == "A rose."
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {BASE['modelArn']}"
    assert attributes["aws.bedrock.knowledge_base.id"] == "GREENHOUSE"
    assert attributes["callspan.outcome"] == "completed"
    [said] = json.loads(attributes["gen_ai.output.messages"])
    assert said["parts"] == [{"type": "text", "content": "A rose."}]


async def test_a_search_that_fails(telemetry: Telemetry) -> None:
    """A search of a base that is not there."""
    told = {"x-amzn-errortype": "ResourceNotFoundException"}
    async with agents(
        Service(b'{"message": "No base."}', 404, "application/json", headers=told)
    ) as client:
        with pytest.raises(ClientError, match="No base"):
            await client.retrieve(**search())
    assert telemetry.attributes["error.type"] == "ResourceNotFoundException"


async def test_searches_at_once(telemetry: Telemetry) -> None:
    """Each of several at once is one call, with its own base."""
    service = Service(json.dumps({"retrievalResults": [FOUND]}).encode(), kind="application/json")
    bases = [f"GREENHOUSE{number}" for number in range(5)]
    async with agents(service) as client:
        await asyncio.gather(
            *(client.retrieve(**{**search(), "knowledgeBaseId": base}) for base in bases)
        )
    assert sorted(span.name for span in telemetry.spans) == [f"retrieval {base}" for base in bases]
    assert service.requests == 5


async def test_nothing_private(telemetry: Telemetry) -> None:
    """Without capture nothing is told of what was asked, thought or said."""
    async with agents(Service(SAID)) as client:
        _ = [item async for item in await asked(client)]
    assert not [word for word in ("whisper", "rose") if word in telemetry.span.to_json()]
