"""Arguments that are classes and other live objects: LiteLLM takes them, so its calls are observed with them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, TypedDict

import pydantic
import pytest

from callspan.testing.modelserver import ModelServer
from frameworks.litellm.models import ASK, MODELS, OPENAI, VLLM, Model, litellm
from telemetry import Telemetry


class Flower(pydantic.BaseModel):
    """A flower, as the model shall describe it."""

    type: str
    effort: str = "low"


@dataclass
class Bouquet:
    """A class whose attributes are named like fields of a request."""

    type: str = "roses"


class Bed(TypedDict):
    """A class without instances of its own."""

    type: str


class _Closed(type):
    def __getattr__(cls, name: str) -> Any:
        raise ValueError(name)


class Shed(metaclass=_Closed):
    """A class that raises for attributes that it lacks."""


class Proxy:
    """An object that stands for another one, which is not there: as outside of a web request."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("working outside of context")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("working outside of context")


def pick(flower: str) -> str:
    """Pick a flower."""
    return flower


async def _acompletion(options: dict[str, Any]) -> Any:
    answer = await litellm.acompletion(messages=ASK, **options)
    return [chunk async for chunk in answer] if options.get("stream") else answer


def _completion(options: dict[str, Any], asynchronous: bool) -> Any:
    if asynchronous:
        return asyncio.run(_acompletion(options))
    answer = litellm.completion(messages=ASK, **options)
    return list(answer) if options.get("stream") else answer


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_class_as_response_format(
    telemetry: Telemetry,
    model_server: ModelServer,
    capture: str,
    model: Model,
    stream: bool,
    asynchronous: bool,
) -> None:
    """A pydantic class as the format of the answer: the call is observed, and is one for JSON."""
    _completion(model.at(model_server, response_format=Flower, stream=stream), asynchronous)
    assert telemetry.attributes["gen_ai.response.finish_reasons"]
    if telemetry.attributes["callspan.client.name"] == "litellm":
        assert telemetry.attributes["gen_ai.output.type"] == "json"


@pytest.mark.parametrize("model", [OPENAI, VLLM], ids=str)
def test_a_class_as_format_of_a_response(
    telemetry: Telemetry, model_server: ModelServer, capture: str, model: Model
) -> None:
    """The same by the Responses API, where the class is called `text_format`."""
    if not hasattr(litellm, "responses"):
        pytest.skip("LiteLLM of this age has no responses")
    litellm.responses(input="Flowers?", text_format=Flower, **model.at(model_server))
    assert telemetry.attributes["gen_ai.output.type"] == "json"


ODD = {
    "pydantic": Flower,
    "dataclass": Bouquet,
    "typed dict": Bed,
    "closed": Shed,
    "function": pick,
    "proxy": Proxy(),
}


@pytest.mark.instrument(capture="both")
@pytest.mark.parametrize(
    "field", ["user", "tools", "functions", "stop", "metadata", "response_format", "reasoning"]
)
@pytest.mark.parametrize("kind", ODD)
def test_odd_objects(
    telemetry: Telemetry, model_server: ModelServer, kind: str, field: str
) -> None:
    """LiteLLM may fail to write them as JSON, but every request that is sent has its span, and no fault is ours."""
    for value in (ODD[kind], [ODD[kind]], {"type": "function", "function": ODD[kind]}):
        telemetry.clear()
        requests = len(model_server.requests)
        with contextlib.suppress(Exception):
            litellm.completion(messages=ASK, **VLLM.at(model_server, **{field: value}))
        if len(model_server.requests) > requests:
            assert telemetry.span
