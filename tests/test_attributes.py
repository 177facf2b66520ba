"""Who a call is for: attributes of a block, on spans, on metrics and in baggage."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from opentelemetry import baggage

import callspan
from callspan.telemetry import attribute_sets as series
from callspan.testing.modelserver import ModelServer
from clients import async_openai_client
from program import CHAT, Program
from telemetry import Telemetry

OWN = "an attribute of the app's own is in nobody's registry"
TOKENS, DURATION = "gen_ai.client.token.usage", "gen_ai.client.operation.duration"


def told(telemetry: Telemetry, *names: str) -> list[tuple[Any, ...]]:
    """These attributes of each span."""
    return [tuple((span.attributes or {}).get(name) for name in names) for span in telemetry.spans]


def on_metrics(telemetry: Telemetry, name: str) -> set[Any]:
    """The values of an attribute on all points of all metrics."""
    return {
        point["attributes"].get(name) for points in telemetry.metrics.values() for point in points
    }


def test_on_all_spans_below(telemetry: Telemetry, program: Program) -> None:
    """All calls of the block have them, an inner block adds its own, and none has them after it."""
    with callspan.attributes(session_id="s-1"):
        program.chat()
        with callspan.attributes(user_id="u-1", session_id="s-2"):
            program.chat()
    program.chat()
    assert told(telemetry, "session.id", "user.id") == [("s-1", None), ("s-2", "u-1"), (None, None)]
    assert on_metrics(telemetry, "session.id") == on_metrics(telemetry, "user.id") == {None}
    assert baggage.get_all() == {}


async def test_in_tasks_and_threads(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Tasks, `asyncio.to_thread` and carried functions take them along."""
    async with async_openai_client(model_server.url) as asynchronous:

        async def ask(user: str) -> None:
            with callspan.attributes(user_id=user):
                await asyncio.gather(
                    *[asynchronous.chat.completions.create(**CHAT) for _ in range(2)]
                )
                await asyncio.to_thread(client.chat.completions.create, **CHAT)
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(callspan.carry(client.chat.completions.create), **CHAT).result()

        await asyncio.gather(ask("u-1"), ask("u-2"))
    assert sorted(told(telemetry, "user.id")) == [("u-1",)] * 4 + [("u-2",)] * 4


@pytest.mark.breaks("name.unknown", OWN)
@pytest.mark.breaks("metric.attribute", "the dimension was asked for")
@pytest.mark.instrument(metric_dimensions=["team", "session_id"], extra_metrics=["calls"])
def test_on_metrics_where_named(telemetry: Telemetry, program: Program) -> None:
    """Metrics have the dimensions that the settings name, and no other."""
    with callspan.attributes(team="garden", user_id="u-1", session_id="s-1"):
        program.chat()
    program.chat()
    assert told(telemetry, "team", "user.id") == [("garden", "u-1"), (None, None)]
    for name in (TOKENS, DURATION, "callspan.client.calls"):
        teams = [point["attributes"].get("team") for point in telemetry.points(name)]
        assert set(teams) == {"garden", None}
    assert on_metrics(telemetry, "session.id") == {"s-1", None}
    assert on_metrics(telemetry, "user.id") == {None}


@pytest.mark.breaks("name.unknown", OWN)
@pytest.mark.instrument(metric_dimensions=["team"])
def test_values_are_bounded(
    telemetry: Telemetry, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many values the rest are one; spans still tell which, and nothing is lost from the sums."""
    monkeypatch.setattr(series, "VALUES", 3)
    for number in range(5):
        with callspan.attributes(team=f"t{number}"):
            program.chat()
    assert on_metrics(telemetry, "team") == {"t0", "t1", "t2", "_other"}
    assert told(telemetry, "team")[-1] == ("t4",)
    assert sum(point["count"] for point in telemetry.points(DURATION)) == 5


def test_models_are_bounded(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A program that asks for ever new models makes no more series than a backend can bear, and loses no token."""
    for number in range(series.VALUES + 5):
        client.chat.completions.create(**{**CHAT, "model": f"ft:{number}"})
    models = on_metrics(telemetry, "gen_ai.request.model")
    assert len(models) == series.VALUES + 1
    assert "_other" in models
    assert telemetry.tokens["input"] == model_server.ledger.total_told.input


def test_in_baggage_if_asked(telemetry: Telemetry, program: Program) -> None:
    """Only where asked do they travel with what the app sends."""
    with callspan.attributes(session_id="s-1"), callspan.attributes(user_id="u-1", baggage=True):
        assert baggage.get_all() == {"user.id": "u-1"}
        program.chat()
    assert told(telemetry, "session.id", "user.id") == [("s-1", "u-1")]
    assert baggage.get_all() == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"user_id": None}, "'user_id' is None"),
        ({"team": ["a"]}, "'team' is"),
        ({"gen_ai.request.model": "x"}, "name of your own"),
        ({"callspan.outcome": "x"}, "name of your own"),
    ],
)
def test_wrong_attributes(values: dict[str, Any], says: str) -> None:
    """What cannot be an attribute is an error of one line where it is given."""
    with pytest.raises(callspan.SettingsError, match=says), callspan.attributes(**values):
        pytest.fail("the block is not entered")
