"""What the pages show of spans."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from .conftest import Page, served, until
from .lines import attributes, chat, message, span, text

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "florist"}
TOOL = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "price",
    "gen_ai.tool.call.arguments": '{"flower": "tulip"}',
    "gen_ai.tool.call.result": "14.40 euros",
}
SECOND = {
    "gen_ai.input.messages": json.dumps(
        [
            message("user", "What do tulips cost?"),
            message("assistant", "I look."),
            message("tool", "14.40"),
        ]
    ),
    "session.id": "visit 7",
    "callspan.cost.usd": 0.000054,
}
TREE = [
    span(1, "invoke_agent florist", AGENT, took=1000),
    span(2, "chat gpt-4.1-mini", chat("What do tulips cost?", "I look."), parent=1, start=10),
    span(3, "execute_tool price", TOOL, parent=1, start=200),
    span(
        4,
        "chat gpt-4.1-mini",
        {**chat("", "14.40 euros", (1000, 2)), **SECOND},
        parent=1,
        start=400,
    ),
]
FAILED = span(
    5,
    "chat no-such-model",
    {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "no-such-model",
        "error.type": "model_not_found",
        "callspan.outcome": "error",
    },
    trace=2,
    start=2000,
    error=True,
    service="oracle",
)
EMBEDDINGS = span(
    6,
    "embeddings e-3",
    {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.model": "e-3",
        "gen_ai.usage.input_tokens": 43,
    },
    trace=3,
    start=3000,
)
TRACE = f"/traces/{1:032x}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A page with an agent, a failed call and an embedding."""
    path = tmp_path_factory.mktemp("shop") / "traces.jsonl"
    path.write_text(text([*TREE, FAILED, EMBEDDINGS]))
    with (
        served(str(path), "--port", "0") as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        until(client, "/", "embeddings e-3")
        yield client


def names(html: str) -> list[str]:
    """The names of the rows, from top to bottom."""
    rows = html.split("<tr data-row")[1:]
    return [row.split("</a>")[0].rpartition(">")[2] for row in rows]


def test_the_list_has_the_newest_first_with_question_answer_and_sums(shop: httpx.Client) -> None:
    html = shop.get("/").text
    assert names(html) == ["embeddings e-3", "chat no-such-model", "invoke_agent florist"]
    assert "What do tulips cost?" in html
    assert "1,010 → 22" in html, "the agent's two calls, once"
    assert "4 calls, 1,053 → 22 tokens, $0.000054" in html
    assert "1 error<" in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("text=tulips", ["invoke_agent florist"]),
        ("text=tul", ["invoke_agent florist"]),
        ('text="cost" OR (', []),
        ("model=no-such-model", ["chat no-such-model"]),
        ("provider=openai", ["invoke_agent florist"]),
        ("outcome=error", ["chat no-such-model"]),
        ("session=visit 7", ["invoke_agent florist"]),
        ("service=oracle", ["chat no-such-model"]),
        ("slower=0.5", ["invoke_agent florist"]),
        ("dearer=0.00005", ["invoke_agent florist"]),
        ("tokens=40&text=", ["embeddings e-3", "invoke_agent florist"]),
        (
            "slower=nan&tokens=much&before=1e400",
            ["embeddings e-3", "chat no-such-model", "invoke_agent florist"],
        ),
    ],
)
def test_filters_of_the_address(shop: httpx.Client, query: str, expected: list[str]) -> None:
    response = shop.get(f"/?{query}")
    assert (response.status_code, names(response.text)) == (200, expected)


def test_a_trace_is_a_tree_with_sums_of_its_agent(shop: httpx.Client) -> None:
    html = shop.get(TRACE).text
    assert names(html) == [
        "invoke_agent florist",
        "chat gpt-4.1-mini",
        "execute_tool price",
        "chat gpt-4.1-mini",
    ]
    depths = [row.split('class="depth-')[1][0] for row in html.split("<tr data-row")[1:]]
    assert depths == ["0", "1", "1", "1"]
    assert html.count("1,010 → 22") == 2, "above, and at the agent"


def test_a_call_shows_what_is_new_since_the_call_before(shop: httpx.Client) -> None:
    html = shop.get(f"{TRACE}?span={4:016x}").text
    assert "2 messages as before" in html
    new = html.partition("as before")[2].partition("</details>")[2]
    assert "14.40" in new
    assert "I look." not in new


def test_a_tool_shows_its_arguments_and_result(shop: httpx.Client) -> None:
    html = shop.get(f"{TRACE}?span={3:016x}").text
    assert "&#34;flower&#34;: &#34;tulip&#34;" in html
    assert "14.40 euros" in html


def test_a_call_that_was_not_captured_names_the_switch(shop: httpx.Client) -> None:
    html = shop.get(f"/traces/{2:032x}").text
    assert "--capture span" in html
    assert "model_not_found" in html


def test_a_session_is_one_conversation(shop: httpx.Client) -> None:
    html = shop.get("/sessions/visit 7").text
    question, tool, answer = "What do tulips cost?", "14.40</p>", "14.40 euros"
    assert html.index(question) < html.index(tool) < html.index(answer)
    # a message that is sent again with the next call is no new one
    assert html.count(question) == html.count("I look.") == 1


def test_two_calls_side_by_side(shop: httpx.Client) -> None:
    left, right = f"{1:032x}:{2:016x}", f"{1:032x}:{4:016x}"
    html = shop.get(f"/compare?left={left}&right={right}").text
    assert "The first 2 messages are the same." in html
    assert html.count("<section") == 2


def test_figures_over_time(shop: httpx.Client) -> None:
    html = shop.get("/figures").text
    assert "gpt-4.1-mini: 1032 tokens" in html
    assert "the axis ends at" in html


def test_a_trace_is_saved_without_what_was_said(shop: httpx.Client) -> None:
    bare, whole = shop.get(f"{TRACE}/save").text, shop.get(f"{TRACE}/save?content=1").text
    assert "tulip" not in bare
    assert "tulips" in whole
    assert len(json.loads(bare)["spans"]) == 4


@pytest.mark.parametrize(
    "path", ["/traces/none", "/traces/none/save", "/sessions/none", "/compare", "/compare?left=a:b"]
)
def test_what_is_not_there(shop: httpx.Client, path: str) -> None:
    response = shop.get(path)
    assert response.status_code == 404
    assert "All traces" in response.text


def test_what_a_model_says_never_becomes_part_of_the_page(page: Page, tmp_path: Path) -> None:
    attack = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)>"
        " ![a](http://example.invalid/x) [b](javascript:alert(1))"
    )
    path = tmp_path / "traces.jsonl"
    named = {"session.id": attack, "gen_ai.response.model": attack}
    facts = {**chat(attack, attack), **named}
    path.write_text(text([span(1, attack, facts)]))
    client = page(path)
    until(client, "/", "alert")
    for place in ("/", TRACE, f"/sessions/{quote(attack)}", "/figures"):
        html = client.get(place).text.replace(
            '<script type="module" src="/static/view.js"></script>', ""
        )
        assert "<script" not in html
        assert "<img" not in html
        assert 'href="javascript:' not in html


def event(number: int, question: str) -> dict[str, object]:
    """Return an export request with the log event that has the content of a call."""
    record = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "eventName": "gen_ai.client.inference.operation.details",
        "attributes": attributes({"gen_ai.input.messages": [message("user", question)]}),
    }
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def test_content_that_a_log_event_brings(page: Page, tmp_path: Path) -> None:
    """`capture="event"` puts content there, and it may come before its span or after it."""
    bare = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    path = tmp_path / "traces.jsonl"
    documents = [
        event(1, "Before?"),
        span(1, "chat m", bare),
        span(2, "chat m", bare, trace=2),
        event(2, "After?"),
    ]
    path.write_text(text(documents))
    html = until(page(path), "/", "After?")
    assert "Before?" in html


def test_no_column_of_the_figures_lies_outside_of_the_drawing(page: Page, tmp_path: Path) -> None:
    """47.5 seconds need 49 columns of a second where the first call is not at a whole second."""
    path = tmp_path / "traces.jsonl"
    calls = [
        span(number, "chat", chat("a", "b"), start=47_500 * number - 46_600) for number in (1, 2)
    ]
    path.write_text(text(calls))
    client = page(path)
    # the total is there when both are
    until(client, "/", "2 calls")
    html = client.get("/figures").text
    columns = {float(x) for x in re.findall(r'<rect class="series-0" x="([0-9.]+)"', html)}
    assert len(columns) == 2
    assert max(columns) < 720


def test_pages_of_the_list_lose_no_trace_of_those_that_begin_at_once(
    page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "traces.jsonl"
    numbers = range(1, 61)
    path.write_text(
        text([span(each, f"call-{each}", chat("a", "b"), trace=each) for each in numbers])
    )
    client = page(path)
    # the total is there when all are
    first = until(client, "/", "60 calls")
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link is not None
    second = client.get(link[1]).text
    assert sorted(names(first) + names(second)) == sorted(f"call-{each}" for each in numbers)


def test_content_whose_span_never_comes_is_not_kept_for_ever(page: Page) -> None:
    client = page("--keep", "10")
    for number in range(1, 31):
        assert client.post("/v1/logs", json=event(number, f"Question {number:02}?")).is_success
    bare = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    for number in (20, 21):
        document = span(number, "chat m", bare, trace=number)
        assert client.post("/v1/traces", json=document).is_success
    html = client.get("/").text
    assert "Question 21?" in html
    assert "Question 20?" not in html


def test_a_call_within_a_call_counts_once(page: Page, tmp_path: Path) -> None:
    """Of a call that two instrumentations have seen the outer one counts, in lists as in trees."""
    spans = [
        span(3, "chat openai", chat("Tulips?", "Yes.", (10, 20)), parent=2),
        span(2, "POST", {}, parent=1),
        span(1, "chat litellm", chat("Tulips?", "Yes.", (11, 21))),
        span(4, "chat alone", chat("Roses?", "No.", (1, 2)), parent=9),
    ]
    path = tmp_path / "traces.jsonl"
    path.write_text(text(spans), encoding="utf-8")
    client = page(path)
    listed = until(client, "/", "chat litellm")
    assert "12 → 23" in listed
    assert "22 → 43" not in listed
    assert "12 → 23" in client.get(f"/traces/{1:032x}").text
    assert client.get("/figures").status_code == 200
