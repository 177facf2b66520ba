"""What decorated functions and blocks are given and give is content."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from typing import Any

import callspan
from decorators.subjects import (
    Live,
    attributes,
)
from telemetry import Telemetry


def test_content_of_tools(telemetry: Telemetry, capture: str) -> None:
    """Arguments and result are told only where content is captured; objects are only named."""

    @callspan.tool
    def price(flower: str, *more: int, shop: Live, **rest: Any) -> dict[str, Any]:
        return {"secret": 1.2, "of": shop}

    price("secret rose", 1, 2, shop=Live(), note={"secret": True})
    attributes = telemetry.attributes
    if capture == "off":
        assert "secret" not in telemetry.everything()
        return
    assert json.loads(attributes["gen_ai.tool.call.arguments"]) == {
        "flower": "secret rose",
        "more": [1, 2],
        "shop": "<decorators.subjects.Live>",
        "rest": {"note": {"secret": True}},
    }
    assert json.loads(attributes["gen_ai.tool.call.result"]) == {
        "secret": 1.2,
        "of": "<decorators.subjects.Live>",
    }
    assert "sk-live" not in telemetry.everything()


def test_content_of_agents(telemetry: Telemetry, capture: str) -> None:
    """What an agent is asked and answers are messages; one text stands as it is, more arguments with their names."""

    @callspan.agent
    def one(question: str) -> str:
        return "secret answer"

    @callspan.workflow
    def more(question: str, times: int) -> Iterator[str]:
        yield "secret "
        yield "words"

    one("secret question")
    list(more("secret question", 2))
    if capture == "off":
        assert "secret" not in telemetry.everything()
        return

    def said(name: str, way: str) -> Any:
        (message,) = json.loads(attributes(telemetry, name)[f"gen_ai.{way}.messages"])
        (part,) = message["parts"]
        return message["role"], part["content"]

    assert said("invoke_agent one", "input") == ("user", "secret question")
    assert said("invoke_agent one", "output") == ("assistant", "secret answer")
    assert said("invoke_workflow more", "input") == (
        "user",
        '{"question":"secret question","times":2}',
    )
    assert said("invoke_workflow more", "output") == ("assistant", "secret words")


def test_content_is_chosen_and_redacted(telemetry: Telemetry) -> None:
    """Fields, redaction and limits hold as for the messages of models."""
    telemetry.instrument(
        capture="span",
        capture_fields=["arguments", "output"],
        redact=lambda text, where: f"[{where}]" if "secret" in text else text,
        content_limit=2000,
    )
    callspan.tool(lambda word: "secret")("secret")
    attributes = telemetry.attributes
    assert json.loads(attributes["gen_ai.tool.call.arguments"]) == {"word": "[arguments]"}
    assert "gen_ai.tool.call.result" not in attributes
    telemetry.clear()
    callspan.agent(lambda word: "long " * 1000)("secret")
    attributes = telemetry.attributes
    assert "gen_ai.input.messages" not in attributes
    assert len(attributes["gen_ai.output.messages"]) < 2000
    assert attributes["callspan.content.elided"] > 3000


def test_items_are_kept_within_bounds(telemetry: Telemetry) -> None:
    """Of what a generator yields, so much is kept as of a model's answer, and nothing where nobody reads it."""
    kept: list[weakref.ref[Live]] = []

    @callspan.workflow
    def words(count: int) -> Iterator[Any]:
        for _ in range(count):
            yield "w" * 1000

    @callspan.workflow
    def objects(count: int) -> Iterator[Any]:
        for _ in range(count):
            live = Live()
            kept.append(weakref.ref(live))
            yield live
            del live

    for capture in ("off", "span"):
        telemetry.instrument(capture=capture)
        items = objects(5)
        while next(items, None):
            pass
        assert [reference() for reference in kept] == [None] * len(kept)
    telemetry.clear()
    for _ in words(3000):
        pass
    assert telemetry.attributes["callspan.content.elided"] > 2_900_000
    assert len(telemetry.attributes["gen_ai.output.messages"]) < 65_536


class _Key:
    """A key of the app's whose text is a secret, or cannot be had."""

    def __init__(self, raises: bool) -> None:
        self._raises = raises

    def __str__(self) -> str:
        if self._raises:
            raise ValueError("no text")
        return "secret"


def test_keys_that_are_objects(telemetry: Telemetry) -> None:
    """A key that is an object is named by its class, as a value is, and each keeps its value."""
    telemetry.instrument(capture="span")

    @callspan.tool
    def count(flowers: dict[Any, int]) -> None:
        pass

    count({_Key(raises=True): 1, _Key(raises=False): 2, 7: 3, "rose": 4})
    recorded = telemetry.attributes["gen_ai.tool.call.arguments"]
    name = f"<{__name__}._Key>"
    assert json.loads(recorded) == {"flowers": {name: 1, f"{name} 2": 2, "7": 3, "rose": 4}}
