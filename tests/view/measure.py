"""Measure the page over 100,000 spans: the milliseconds that each view takes.

    python -m tests.view.measure [SPANS]

The milliseconds depend on the machine, so nothing fails by them; docs/view.md keeps the last figures, dated.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Iterator

import httpx
from starlette.testclient import TestClient

from callspan.view.application import make_application
from callspan.view.spans import SpanRecord
from callspan.view.store import Store

SPANS = 100_000
_SPANS_OF_A_TRACE = 5
_LARGE_TRACE = 5_000
_MODELS = 20
_START = 1_796_000_000_000_000_000
_SECOND = 1_000_000_000
_REPEATS = 7


def main() -> None:
    """Fill a store, ask each view some times, and print the medians."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SPANS
    store = Store(keep=count + _LARGE_TRACE)
    began = time.perf_counter()
    for number in range(count // _SPANS_OF_A_TRACE):
        store.add(_trace(number, _SPANS_OF_A_TRACE))
    seconds = time.perf_counter() - began
    store.add(_trace(count, _LARGE_TRACE))
    print(f"{count:,} spans taken in at {count / seconds:,.0f} a second", flush=True)
    client = TestClient(make_application(store), base_url="http://127.0.0.1")
    for title, path in _views(count):
        print(f"{title:<34} {_median(client, path):8.0f} ms", flush=True)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'memory at most':<34} {megabytes:8.0f} MB")


def _views(count: int) -> Iterator[tuple[str, str]]:
    yield "list", "/"
    yield "list, a word in the content", "/?text=harbour"
    yield "list, a word that all have", "/?text=weather"
    yield "list, one model", "/?model=model-7"
    yield "list, slower than 3 s", "/?slower=3"
    yield "list, one outcome", "/?outcome=error"
    yield f"trace of {_LARGE_TRACE:,} spans", f"/traces/{count:032x}"
    yield "trace of 5 spans", f"/traces/{7:032x}"
    yield "figures", "/figures"


def _median(client: httpx.Client, path: str) -> float:
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        response = client.get(path)
        times.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, response.text
    return statistics.median(times)


def _trace(number: int, spans: int) -> list[SpanRecord]:
    """Return a trace: an agent, and calls and tools inside it."""
    start = _START + number * _SECOND
    records = [
        _span(
            number, 1, 0, "invoke_agent planner", start, {"gen_ai.operation.name": "invoke_agent"}
        )
    ]
    for position in range(2, spans + 1):
        is_call = position % 2 == 0
        attributes = _call(number, position) if is_call else _tool()
        name = f"{attributes['gen_ai.operation.name']} {position}"
        records.append(
            _span(number, position, 1, name, start + position * _SECOND // 5, attributes)
        )
    return records


def _span(
    trace: int, number: int, parent: int, name: str, start: int, attributes: dict[str, object]
) -> SpanRecord:
    return SpanRecord(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=name,
        kind=3,
        start=start,
        end=start + (1 + trace % 4) * _SECOND,
        is_error=trace % 50 == 0,
        service=f"service-{trace % 10}",
        scope="callspan",
        attributes=attributes,
    )


def _call(trace: int, number: int) -> dict[str, object]:
    place = "harbour" if trace % 100 == 0 else "town"
    question = f"What is the weather at the {place} of number {trace}? " + "It matters to us. " * 40
    model = f"model-{trace % _MODELS}"
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": 200 + number,
        "gen_ai.usage.output_tokens": 50,
        "callspan.cost.usd": 0.0001 * (number % 7),
        "gen_ai.input.messages": _messages("user", question),
        "gen_ai.output.messages": _messages("assistant", "Sunny. " * 30),
    }


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def _tool() -> dict[str, object]:
    return {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up"}


if __name__ == "__main__":
    main()
