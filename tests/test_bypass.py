"""Others may have replaced a client's function before we came, so that calls go past us: that is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import openai
import pytest
import wrapt
from openai import _base_client

import callspan
from clients import openai_client
from program import CHAT
from telemetry import Telemetry


def _passing(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


def _by_wrapt() -> None:
    wrapt.wrap_function_wrapper("openai", "OpenAI.request", _passing)


def _by_closure() -> None:
    original = openai.OpenAI.request

    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    openai.OpenAI.request = request  # type: ignore[method-assign]


def _by_decorator() -> None:
    original = openai.OpenAI.request

    @wraps(original)
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    openai.OpenAI.request = request  # type: ignore[method-assign]


def _by_super() -> None:
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        return super(openai.OpenAI, self).request(*args, **kwargs)

    openai.OpenAI.request = request  # type: ignore[method-assign]


def _by_base() -> None:
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _base_client.SyncAPIClient.request(self, *args, **kwargs)

    openai.OpenAI.request = request  # type: ignore[method-assign]


@pytest.fixture
def replaced(telemetry: Telemetry) -> Iterator[Callable[..., None]]:
    """Replace the function of OpenAI's client, before we patch it or after."""

    def replace(way: Callable[[], None], first: bool = True) -> None:
        callspan.uninstrument()
        if first:
            way()
        telemetry.instrument()
        if not first:
            way()

    yield replace
    callspan.uninstrument()
    if "request" in vars(openai.OpenAI):
        del openai.OpenAI.request


def _problems() -> list[str]:
    return [problem for problem in callspan.status().problems if "go past callspan" in problem]


def _states() -> set[str]:
    [client] = [client for client in callspan.status().clients if client.name == "openai"]
    return {
        target.state for target in client.targets if target.path.endswith("SyncAPIClient.request")
    }


@pytest.mark.guard_acts("calls go past us")
@pytest.mark.parametrize("way", [_by_wrapt, _by_closure, _by_decorator])
def test_calls_that_go_past_us_are_told(
    telemetry: Telemetry,
    model_server: Any,
    replaced: Callable[..., None],
    guard_reports: Any,
    way: Any,
) -> None:
    replaced(way)
    assert len(_problems()) == 1
    assert _problems()[0].startswith(
        "calls of openai.OpenAI.request go past callspan, as test_bypass has replaced it"
    )
    assert guard_reports.messages == [f"callspan: {_problems()[0]}"]
    assert _states() == {"bypassed"}
    with openai_client(model_server.url) as client:
        client.chat.completions.create(**CHAT)
    assert telemetry.spans == []  # which is what was told


PASSING = [(way, False) for way in (_by_wrapt, _by_closure, _by_decorator)] + [
    (way, first) for way in (_by_super, _by_base) for first in (True, False)
]


@pytest.mark.parametrize(("way", "first"), PASSING)
def test_calls_that_pass_us_are_not_told(
    telemetry: Telemetry, model_server: Any, replaced: Callable[..., None], way: Any, first: bool
) -> None:
    replaced(way, first)
    assert _problems() == []
    assert _states() == {"patched"}
    with openai_client(model_server.url) as client:
        client.chat.completions.create(**CHAT)
    assert telemetry.span.name == "chat gpt-4.1-mini"


def test_no_client_of_ours_is_told_without_a_reason(telemetry: Telemetry) -> None:
    assert _problems() == []
