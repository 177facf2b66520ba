"""What calls cost: on spans, in metrics, in counters; and what is unknown stays unknown."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import openai
import pytest

import callspan
from callspan.accounting.prices import bundled
from callspan.export.text.row import dollars
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import anthropic_at
from program import CHAT, HELLO, WITH_USAGE, Program
from telemetry import Telemetry

OWN = {
    "currency": "USD",
    "models": {
        "gpt-4.1-mini": {
            "input": 2,
            "output": 8,
            "cache_read": 0.5,
            "cache_write": 2.5,
            "call": 0.001,
        },
        "my-gpt4": "openai/gpt-4o",
        "at-home": 0,
    },
}
KNOWN = Counts(input=1000, output=100, cached=400)
USD = 0.001 + (600 * 2 + 400 * 0.5 + 100 * 8) / 1e6


def costs(telemetry: Telemetry, name: str = "callspan.client.cost") -> float:
    """What a metric of costs has summed up."""
    assert callspan.flush()
    return sum(point["value"] for point in telemetry.points(name))


@pytest.mark.instrument(cost=True, prices=OWN)
def test_a_refused_instrument_leaves_the_prices(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    model_server.enqueue(Reply(usage=KNOWN))
    with pytest.raises(callspan.SettingsError):
        callspan.instrument(
            prices={"models": {"gpt-4.1-mini": 0}},
            budget=5,  # type: ignore[arg-type]
        )
    program.chat()
    assert costs(telemetry) == pytest.approx(USD)


@pytest.mark.instrument(cost=True, prices=OWN)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_on_the_span_and_in_the_metric(
    telemetry: Telemetry, program: Program, model_server: ModelServer, stream: bool
) -> None:
    """Cached tokens cost their own price, once; the same sum stands on the span, in the metric and in the counter."""
    model_server.enqueue(Reply(usage=KNOWN))
    with callspan.count_tokens() as count:
        program.stream(**WITH_USAGE) if stream else program.chat()
    assert costs(telemetry) == pytest.approx(USD)
    assert telemetry.attributes["callspan.cost.usd"] == pytest.approx(USD)
    assert (count.cost, count.unknown_cost_calls) == (pytest.approx(USD), 0)
    assert count.by_model["gpt-4.1-mini"].cost == pytest.approx(USD)


@pytest.mark.instrument(cost=True)
def test_bundled_prices(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """Without prices of one's own those of genai-prices hold, by the model that answered."""
    model_server.enqueue(Reply(usage=KNOWN, model="gpt-4.1-mini-2025-04-14"))
    with callspan.count_tokens() as count:
        program.chat(model="gpt-4.1-mini")
    usd = (600 * 0.4 + 400 * 0.1 + 100 * 1.6) / 1e6
    assert costs(telemetry) == pytest.approx(usd)
    assert telemetry.attributes["callspan.cost.usd"] == pytest.approx(usd)
    assert count.cost == pytest.approx(usd)


@pytest.mark.instrument(cost=True)
def test_anthropic_caches(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What was read from and what was written to a cache cost each their own price, once."""
    model_server.enqueue(
        Reply(
            usage=Counts(input=1210, output=5, cached=1000, cache_write=200),
            model="claude-haiku-4-5",
        )
    )
    with anthropic_at(model_server.url) as client:
        client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=HELLO)
    assert costs(telemetry) == pytest.approx((10 * 1 + 1000 * 0.1 + 200 * 1.25 + 5 * 5) / 1e6)


@pytest.mark.guard_acts("the price of a deployment is not known")
def test_a_deployment_has_the_price_of_its_model(
    telemetry: Telemetry, model_server: ModelServer, guard_reports: Any
) -> None:
    """An Azure deployment costs what the mapped model does, and nobody knows what an unmapped one costs."""
    telemetry.instrument(cost=True, prices=OWN)
    model_server.enqueue(*[Reply(usage=KNOWN, model="unheard-of")] * 2)
    with callspan.count_tokens() as count, _azure(model_server.url) as client:
        client.chat.completions.create(model="my-gpt4", messages=HELLO)
        client.chat.completions.create(model="other-deployment", messages=HELLO)
    usd = (600 * 2.5 + 400 * 1.25 + 100 * 10) / 1e6
    assert costs(telemetry) == pytest.approx(usd)
    assert costs(telemetry, "callspan.client.cost.unknown") == 1
    assert (count.cost, count.unknown_cost_calls) == (pytest.approx(usd), 1)
    told = {span.name: dict(span.attributes or {}) for span in telemetry.spans}
    assert told["chat my-gpt4"]["callspan.cost.usd"] == pytest.approx(usd)
    assert told["chat other-deployment"]["callspan.cost.unknown"] == "price"
    assert "nobody knows the price of other-deployment" in str(guard_reports)
    assert "callspan.cost.usd" not in told["chat other-deployment"]


def _azure(url: str) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=url.removesuffix("/v1"), api_key="any", api_version="2024-10-21"
    )


@pytest.mark.instrument(cost=True, prices=OWN)
def test_unknown_is_not_nothing(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A call whose tokens nobody stated has no cost, a model that runs at home costs 0, a refused call neither."""
    model_server.enqueue(Reply(usage=False), Reply(usage=KNOWN, model="at-home"), Reply(status=400))
    with callspan.count_tokens() as count:
        program.chat()
        program.chat(model="at-home")
        with pytest.raises(openai.BadRequestError):
            program.chat()
    assert callspan.flush()
    told = [dict(span.attributes or {}) for span in telemetry.spans]
    assert [each.get("callspan.cost.usd") for each in told] == [None, 0.0, None]
    assert [each.get("callspan.cost.unknown") for each in told] == ["tokens", None, None]
    assert (count.cost, count.unknown_cost_calls) == (0.0, 1)


def test_counters_need_no_setting(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A counter knows the cost when it is asked; spans and metrics tell it only where that was chosen."""
    with callspan.count_tokens() as count:
        assert count.cost == 0.0
        program.chat(model="unheard-of")
        assert (count.cost, count.unknown_cost_calls) == (None, 1)
        model_server.enqueue(Reply(usage=KNOWN))
        program.chat()
    assert count.cost
    assert costs(telemetry) == costs(telemetry, "callspan.client.cost.unknown") == 0
    assert not [span for span in telemetry.spans if "callspan.cost.usd" in (span.attributes or {})]


def test_prices_load_off_the_path(
    program: Program, model_server: ModelServer, monkeypatch: Any
) -> None:
    """Bundled prices are loaded on a thread of callspan's; the first spans wait for them there, the app does not."""
    import threading

    hold, threads = threading.Event(), list[str]()
    data = bundled.Bundled()

    class Slow:
        def __init__(self) -> None:
            threads.append(threading.current_thread().name)
            assert hold.wait(20)

        def find(self, provider: str, model: str) -> Any:
            return data.find(provider, model)

    monkeypatch.setattr(bundled, "Bundled", Slow)
    telemetry = Telemetry()
    telemetry.instrument(cost=True)
    model_server.enqueue(Reply(usage=KNOWN))
    program.chat()
    assert telemetry.spans == []
    hold.set()
    usd = (600 * 0.4 + 400 * 0.1 + 100 * 1.6) / 1e6
    assert costs(telemetry) == pytest.approx(usd)
    assert telemetry.attributes["callspan.cost.usd"] == pytest.approx(usd)
    assert threads == ["callspan-prices"]
    callspan.uninstrument()
    telemetry.shutdown()


@pytest.mark.guard_acts("there are no prices at all")
def test_without_the_extra(
    telemetry: Telemetry, program: Program, monkeypatch: Any, guard_reports: Any
) -> None:
    """Without prices of any kind one line names the extra, and every cost is unknown."""
    monkeypatch.setattr(bundled, "installed", lambda: False)
    telemetry.instrument(cost=True)
    program.chat()
    assert "callspan[prices]" in guard_reports.messages[0]
    assert costs(telemetry, "callspan.client.cost.unknown") == 1
    assert telemetry.attributes["callspan.cost.unknown"] == "price"


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"currency": "EUR", "models": {}}, "the currency is 'EUR': prices must be in USD"),
        ({"models": {"m": {"input": -1}}}, "model 'm', input is -1"),
        ({"models": {"m": {"input": float("nan")}}}, "model 'm', input is nan"),
        ({"models": {"m": {"input": 10**400}}}, "model 'm', input is 1000"),
        ({"models": {"m": {"in": 1}}}, "a price for 'in': known are input"),
        ({"models": {"m": True}}, "model 'm' must be prices"),
        ({"models": []}, 'prices stand under "models"'),
        ({"models": {}, "valid": 1}, "'valid' is not known here"),
        ([], 'prices stand under "models"'),
        (7, 'prices stand under "models"'),
        ("/no/such/file", "/no/such/file cannot be read (No such file or directory)"),
    ],
)
def test_wrong_prices(told: Any, says: str) -> None:
    """Prices that cannot be right are an error of one line that says where and what."""
    with pytest.raises(callspan.SettingsError) as caught:
        callspan.instrument(prices=told)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.guard_acts("the file is not JSON")
def test_a_wrong_file_from_the_environment(
    telemetry: Telemetry, program: Program, tmp_path: Path, monkeypatch: Any, guard_reports: Any
) -> None:
    """A price file of the environment that cannot be read is one line, and costs nothing else."""
    (tmp_path / "prices.json").write_text("{nonsense")
    monkeypatch.setenv("CALLSPAN_PRICES", str(tmp_path / "prices.json"))
    telemetry.instrument()
    program.chat()
    assert len(telemetry.spans) == 1
    assert [message.count("\n") for message in guard_reports.messages] == [0]
    assert f"CALLSPAN_PRICES: {tmp_path}/prices.json is not JSON" in guard_reports.messages[0]


def test_a_file_from_the_environment(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    """Own prices can come from a file."""
    (tmp_path / "prices.json").write_text(json.dumps(OWN))
    monkeypatch.setenv("CALLSPAN_PRICES", str(tmp_path / "prices.json"))
    monkeypatch.setenv("CALLSPAN_COST", "true")
    telemetry.instrument()
    model_server.enqueue(Reply(usage=KNOWN))
    program.chat()
    assert costs(telemetry) == pytest.approx(USD)


@pytest.mark.instrument(cost=True)
def test_service_tier(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """The tier that the provider served has its own price."""
    body = {
        "id": "1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
        "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000},
    }  # fmt: skip
    found = []
    for tier in ("default", "flex", "priority"):
        model_server.enqueue(Reply(raw=json.dumps({**body, "service_tier": tier})))
        telemetry.clear()
        program.chat(**{**CHAT, "model": "gpt-5-mini"})
        assert callspan.flush()
        found.append(telemetry.attributes["callspan.cost.usd"])
    assert found[1] < found[0] < found[2]


def test_nobody_who_does_not_ask_pays(model_server: ModelServer) -> None:
    """Neither `instrument()` nor an unread counter imports genai-prices."""
    import subprocess

    code = f"""
import sys, callspan, openai
callspan.instrument(tracer_provider=__import__("opentelemetry.trace").trace.NoOpTracerProvider())
with openai.OpenAI(base_url={model_server.url!r}, api_key="any") as client, callspan.count_tokens():
    client.chat.completions.create(model="gpt-4.1", messages=[{{"role": "user", "content": "Hi"}}])
callspan.flush()
print([name for name in ("genai_prices", "tiktoken") if name in sys.modules])
"""
    source = str(Path(callspan.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_list_that_is_replaced_in_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prices of a model are there too if another thread drops the cached ones meanwhile."""
    prices = bundled.Bundled()
    assert prices.find("openai", "gpt-4o") is not None

    class Dropping(dict[Any, Any]):
        """Cached models, in whose look-up another thread puts an empty dict in their place."""

        def __contains__(self, key: object) -> bool:
            prices._models = {}
            return super().__contains__(key)

    monkeypatch.setattr(prices, "_models", Dropping(prices._models))
    assert prices.find("openai", "gpt-4o") is not None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "$0.00"),
        (1.254, "$1.25"),
        (0.0123, "$0.012"),
        (0.00054, "$0.00054"),
        (3e-6, "$0.0000030"),
    ],
)
def test_dollars_for_people(value: float, shown: str) -> None:
    """A small cost still says something."""
    assert dollars(value) == shown
