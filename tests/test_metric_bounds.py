"""Values of metric attributes that programs and servers choose: many of them make few series, and no sum is lost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

import callspan
from callspan.telemetry import attribute_sets as series
from clients import HttpClient, http, openai_client
from program import CHAT
from telemetry import Telemetry

NUMBER = 3000
"""More values than the SDK has series for one instrument."""
SDK_LIMIT = 2000
OWN = "an attribute of the app's own is in nobody's registry"
TOKENS, DURATION = "gen_ai.client.token.usage", "gen_ai.client.operation.duration"
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1-mini",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Tulips."},
        }
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}
Ask = Callable[[openai.OpenAI, int], None]


def chat(client: openai.OpenAI, **request: Any) -> None:
    """Make one call; the body's `metadata` tells the server below what to answer."""
    with contextlib.suppress(openai.APIStatusError):
        client.chat.completions.create(**{**CHAT, **request})


def answered(**fields: Any) -> dict[str, Any]:
    """The request whose answer has these fields."""
    return {"extra_body": {"metadata": {"fields": json.dumps(fields)}}}


def refused(code: str) -> dict[str, Any]:
    """The request that is refused with this code."""
    return {"extra_body": {"metadata": {"code": code}}}


def respond(request: Any) -> Any:
    """Answer as the request's metadata wants it."""
    metadata = json.loads(request.content).get("metadata", {})
    if "code" in metadata:
        return http.Response(400, json={"error": {"code": metadata["code"], "message": "no"}})
    return http.Response(200, json={**ANSWER, **json.loads(metadata.get("fields", "{}"))})


def budgeted(client: openai.OpenAI, number: int) -> None:
    """Have a call stopped by a budget of this number's name."""
    with (
        contextlib.suppress(callspan.BudgetExceeded),
        callspan.budget(calls=0, name=f"user {number}"),
    ):
        chat(client)


def for_team(client: openai.OpenAI, number: int) -> None:
    """Make a call for the team of this number."""
    with callspan.attributes(team=number):
        chat(client)


def with_agent(_client: openai.OpenAI, number: int) -> None:
    """Run an agent and a tool in a workflow, all of this number's name."""
    with (
        callspan.workflow(f"workflow {number}"),
        callspan.agent(f"agent {number}"),
        callspan.tool(f"tool {number}"),
    ):
        pass


def everything(client: openai.OpenAI, number: int) -> None:
    """Make a call in which all has a value of its own; each third call fails with a code of its own."""
    server = client.with_options(base_url=f"http://tenant-{number}.example:{10_000 + number}/v1")
    fields = {
        "model": f"m-{number}",
        "system_fingerprint": f"fp-{number}",
        "service_tier": f"tier-{number}",
    }
    wanted = answered(**fields) if number % 3 else refused(f"code_{number}")
    with callspan.attributes(team=number):
        chat(server, model=f"gpt-{number}", **wanted)


ATTRIBUTES: dict[str, Ask] = {
    "gen_ai.request.model": lambda client, number: chat(client, model=f"gpt-{number}"),
    "gen_ai.response.model": lambda client, number: chat(client, **answered(model=f"gpt-{number}")),
    "openai.response.system_fingerprint": lambda client, number: chat(
        client, **answered(system_fingerprint=f"fp-{number}")
    ),
    "openai.response.service_tier": lambda client, number: chat(
        client, **answered(service_tier=f"tier-{number}")
    ),
    "error.type": lambda client, number: chat(client, **refused(f"code_{number}")),
    "server.address": lambda client, number: chat(
        client.with_options(base_url=f"http://tenant-{number}.example/v1")
    ),
    "server.port": lambda client, number: chat(
        client.with_options(base_url=f"http://one.example:{10_000 + number}")
    ),
    "callspan.budget.stop.name": budgeted,
    "team": for_team,
    "gen_ai.tool.name": with_agent,
}


@pytest.fixture
def flood(telemetry: Telemetry) -> Callable[[Ask], None]:
    """Make a call for each number, with one client. Spans are forgotten, for to check 3,000 of them takes seconds."""

    def run(ask: Ask) -> None:
        transport = HttpClient(transport=http.MockTransport(respond))
        with openai_client("https://api.openai.com/v1", http_client=transport) as client:
            for number in range(NUMBER):
                ask(client, number)
        telemetry.clear()

    return run


def most_series(telemetry: Telemetry) -> int:
    """Return the number of attribute sets of the instrument that has most."""
    return max(len(points) for points in telemetry.metrics.values())


@pytest.mark.breaks("name.unknown", OWN)
@pytest.mark.breaks("metric.attribute", "the dimension was asked for")
@pytest.mark.instrument(metric_dimensions=["team"], extra_metrics=["calls", "active", "retries"])
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_3000_values_of_an_attribute_make_few_series(
    telemetry: Telemetry, flood: Callable[[Ask], None], name: str
) -> None:
    flood(ATTRIBUTES[name])
    points = [point["attributes"] for of_one in telemetry.metrics.values() for point in of_one]
    values = {attributes[name] for attributes in points if name in attributes}
    assert 1 < len(values) <= series.VALUES + 1
    assert most_series(telemetry) <= 2 * (series.VALUES + 1)
    assert not any("otel.metric.overflow" in attributes for attributes in points)


@pytest.mark.breaks("name.unknown", OWN)
@pytest.mark.breaks("metric.attribute", "the dimension was asked for")
@pytest.mark.instrument(metric_dimensions=["team"], extra_metrics=["calls", "active"])
def test_with_all_attributes_at_once_every_token_keeps_its_type(
    telemetry: Telemetry, flood: Callable[[Ask], None]
) -> None:
    """The SDK's own limit, beyond which all attributes are dropped, is never reached."""
    flood(everything)
    completed = NUMBER * 2 // 3
    assert telemetry.tokens == {"input": 7 * completed, "output": 3 * completed}
    durations = telemetry.points(DURATION)
    assert (
        sum(point["count"] for point in durations if "error.type" in point["attributes"])
        == NUMBER // 3
    )
    assert sum(point["count"] for point in durations) == NUMBER
    assert sum(point["value"] for point in telemetry.points("callspan.client.active")) == 0
    assert most_series(telemetry) < SDK_LIMIT


@pytest.mark.breaks("name.unknown", OWN)
@pytest.mark.instrument(metric_dimensions=["team"])
def test_many_combinations_of_few_values_stay_below_the_limit_of_the_sdk(
    telemetry: Telemetry, flood: Callable[[Ask], None]
) -> None:
    """Fifty models and sixty teams are few each; together they are more than the SDK has series."""

    def ask(client: openai.OpenAI, number: int) -> None:
        with callspan.attributes(team=number // 50):
            chat(
                client,
                model=f"gpt-{number % 50}",
                **({} if number % 5 else refused(f"code_{number % 7}")),
            )

    flood(ask)
    completed = NUMBER * 4 // 5
    assert telemetry.tokens == {"input": 7 * completed, "output": 3 * completed}
    assert sum(point["count"] for point in telemetry.points(DURATION)) == NUMBER
    assert most_series(telemetry) < SDK_LIMIT


def test_fingerprints_leave_room_for_models_that_come_later(
    telemetry: Telemetry, flood: Callable[[Ask], None]
) -> None:
    def ask(client: openai.OpenAI, number: int) -> None:
        chat(
            client,
            model=f"gpt-{number // 20}",
            **answered(system_fingerprint=f"fp-{number}", model="m"),
        )

    flood(ask)
    models = {point["attributes"]["gen_ai.request.model"] for point in telemetry.points(TOKENS)}
    assert len(models) == NUMBER // 20


def test_the_first_values_keep_series_of_their_own(
    telemetry: Telemetry, flood: Callable[[Ask], None]
) -> None:
    flood(ATTRIBUTES["error.type"])
    errors = {
        point["attributes"]["error.type"]: point["count"] for point in telemetry.points(DURATION)
    }
    assert errors["code_0"] == 1
    assert errors["_OTHER"] == NUMBER - series.VALUES
