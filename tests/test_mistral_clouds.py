"""Mistral's clients for its models at Azure and at Google's Vertex."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

import callspan
from clients import MISTRAL_KEEPS
from conftest import PAYLOADS
from telemetry import Telemetry, counts

BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
MODEL = "mistral-small-2402"
"""Older clients take the version from the end of the name."""
ASKED: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "whisper-asked"}]}


def _found(*homes: tuple[str, str]) -> Any:
    """A client's class, from wherever this version has it."""
    for module, name in homes:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    return None


AZURE = _found(("mistralai.azure.client", "MistralAzure"), ("mistralai_azure", "MistralAzure"))
GCP = _found(("mistralai.gcp.client", "MistralGCP"), ("mistralai_gcp", "MistralGoogleCloud"))


class Cloud:
    """Answers each request by the same payload, and keeps what was asked for."""

    def __init__(self, name: str, status: int = 200) -> None:
        self._body, self._status = (PAYLOADS / "mistralai" / name).read_bytes(), status
        self._type = "text/event-stream" if name.endswith(".sse") else "application/json"
        self.paths: list[str] = []

    def speakers(self, client: Any) -> dict[str, Any]:
        """HTTP clients of the library that a client's package is built on, which answer by themselves."""
        http: Any = import_module(f"{client.__module__.rpartition('.')[0]}.basesdk").httpx

        def answer(request: Any, body: Any) -> Any:
            self.paths.append(request.url.path)
            headers = {"content-type": self._type, "x-request-id": "r-1"}
            return http.Response(self._status, headers=headers, content=body)

        async def pieces() -> AsyncIterator[bytes]:
            for line in self._lines():
                yield line

        link = http.MockTransport(lambda request: answer(request, self._lines()))
        alink = http.MockTransport(lambda request: answer(request, pieces()))
        return {
            "client": http.Client(transport=link),
            "async_client": http.AsyncClient(transport=alink),
        }

    def _lines(self) -> Iterator[bytes]:
        return iter(self._body.splitlines(keepends=True))


def azure(cloud: Cloud, host: str = "flowers.eastus2.models.ai.azure.com") -> Any:
    """The client for Azure; which key it wants for an address has changed."""
    taken = AZURE.__init__.__annotations__
    place = {"server_url" if "server_url" in taken else "azure_endpoint": f"https://{host}"}
    return AZURE(
        **{"api_key" if "api_key" in taken else "azure_api_key": "key"},
        **place,
        **cloud.speakers(AZURE),
    )


def vertex(cloud: Cloud) -> Any:
    """The client for Vertex."""
    return GCP(
        project_id="garden", region="europe-west4", access_token="token", **cloud.speakers(GCP)
    )


CLOUDS: dict[str, tuple[Callable[[Cloud], Any], str, str]] = {
    "azure": (azure, "azure.ai.inference", "flowers.eastus2.models.ai.azure.com"),
    "vertex": (vertex, "gcp.vertex_ai", "europe-west4-aiplatform.googleapis.com"),
}
EACH = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "azure",
            marks=pytest.mark.skipif(AZURE is None, reason="no client for Azure in this version"),
        ),
        pytest.param(
            "vertex",
            marks=pytest.mark.skipif(GCP is None, reason="no client for Vertex, or no google-auth"),
        ),
    ],
)


def ask(resource: Any, asynchronous: bool, stream: bool, **request: Any) -> Any:
    """One call; the items if it streams."""
    name = "stream" if stream else "complete"
    if not asynchronous:
        given = getattr(resource, name)(**request)
        return list(given) if stream else given

    async def aask() -> Any:
        given = await getattr(resource, f"{name}_async")(**request)
        return [item async for item in given] if stream else given

    return asyncio.run(aask())


@BOTH
@EACH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_chat(telemetry: Telemetry, name: str, stream: bool, asynchronous: bool) -> None:
    """One call of Mistral's client, to the cloud's address and by the cloud's name, with the counts of the answer."""
    make, provider, host = CLOUDS[name]
    cloud = Cloud("chat_stream.sse" if stream else "chat.json")
    client = make(cloud)
    ask(client.chat, asynchronous, stream, **ASKED)
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.provider.name"] == provider
    assert attributes["callspan.client.name"] == "mistralai"
    assert (attributes["server.address"], attributes["server.port"]) == (host, 443)
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["callspan.outcome"] == "completed"
    told = {"input_tokens": 16, "output_tokens": 34, "cache_read.input_tokens": 8}
    if stream and not MISTRAL_KEEPS:
        del told["cache_read.input_tokens"]
    assert counts(telemetry) == told
    assert len(cloud.paths) == 1
    assert "whisper" not in telemetry.everything()


@BOTH
@pytest.mark.skipif(GCP is None, reason="no client for Vertex, or no google-auth")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_completions_between_two_texts(
    telemetry: Telemetry, stream: bool, asynchronous: bool
) -> None:
    """Vertex has one path for chats and for these; the client knows which is asked for."""
    cloud = Cloud("chat_stream.sse" if stream else "chat.json")
    client = vertex(cloud)
    ask(client.fim, asynchronous, stream, model="codestral-2405", prompt="a", suffix="b")
    assert telemetry.span.name == "text_completion codestral-2405"
    assert telemetry.attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert cloud.paths[0].endswith("RawPredict" if stream else ":rawPredict")


@BOTH
@EACH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_refusals(telemetry: Telemetry, name: str, stream: bool, asynchronous: bool) -> None:
    """A refusal is an error by Mistral's word for it, and the app gets the client's exception, as handlers do."""
    heard: list[BaseException] = []

    class Ears:
        def on_error(self, _call: Any, error: BaseException) -> None:
            heard.append(error)

    client = CLOUDS[name][0](Cloud("error_429.json", 429))
    with callspan.use_handlers(Ears()), pytest.raises(Exception, match=r"\w") as caught:
        ask(client.chat, asynchronous, stream, **ASKED)
    assert heard == [caught.value]
    attributes = telemetry.attributes
    assert attributes["error.type"] == "invalid_request_rate_limit"
    assert attributes["http.response.status_code"] == 429
    assert attributes["http.response.header.x-request-id"] == ("r-1",)


@pytest.mark.skipif(AZURE is None, reason="no client for Azure in this version")
def test_behind_a_gateway(telemetry: Telemetry) -> None:
    """At an address that says nothing it is the client's class that says whose model it is."""
    client = azure(Cloud("chat.json"), "models.flowers.test")
    client.chat.complete(**ASKED)
    assert telemetry.attributes["gen_ai.provider.name"] == "azure.ai.inference"


@EACH
def test_a_stream_left_early(telemetry: Telemetry, name: str) -> None:
    """A reader that stops has abandoned it."""
    client = CLOUDS[name][0](Cloud("chat_stream.sse"))
    for _ in client.chat.stream(**ASKED):
        break
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@EACH
def test_handlers_of_one_client(telemetry: Telemetry, name: str) -> None:
    """A handler that is attached to a client object hears its calls."""
    make, provider, _ = CLOUDS[name]
    heard: list[str] = []

    class Ears:
        def on_end(self, call: Any, _response: Any) -> None:
            heard.append(call.provider)

    client = make(Cloud("chat.json"))
    if not type(client).__module__.startswith("mistralai."):
        pytest.skip(
            "before 2.0 these clients are packages of their own, whose objects are not known"
        )
    callspan.attach(client, Ears())
    client.chat.complete(**ASKED)
    assert heard == [provider]
