"""Each program in examples/ runs against the model server and prints what it should."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.documents.pictures import lasting_lines, picture

from callspan.testing.modelserver import Counts, ModelServer

EXAMPLES = Path(__file__).parent.parent / "examples"
PRINTED = {
    "flower_shop.py": [
        "A tulip woke before the sun",
        "12 of our tulip stems cost 14.40 euros",
        "sunflower",
    ],
    "handlers.py": ["[completed]", "gpt-4.1-mini: ", "two customers were served"],
    "count_tokens.py": [
        "morning: 1 call, ",
        "so far:  4 calls, ",
        "day:     gpt-4.1-mini: 6 calls, ",
    ],
    "own_opentelemetry.py": ["chat gpt-4.1-mini, child of "],
    "marked.py": ["12 of our tulip stems cost 14.40 euros"],
    "judged.py": ["the judge "],
    "judged_in_tests.py": ["answered: pass", "short enough: pass"],
    "callbacks.py": ["The result is: 7", "another task runs", "It has 16 characters."],
    "chain_with_logs.py": ["Entering new LLMChain chain...", "Finished chain.", "INFO 3"],
    "flower_shop_langchain.py": [
        "[小雅] 花卉数据: 玫",
        "[Bo] 花卉数据:  peonies",
        "[小雅] 祝你今天愉快!",
    ],
    "conversation_tokens.py": [
        "AI: 记得,您昨天来是为姐姐的生日买花束",
        "总计使用的tokens: 373 (3 次调用",
    ],
    "concurrent_tokens.py": ["另外的交互中使用的tokens: 75", "Successful Requests: 3"],
    "agent_langgraph.py": [
        "tool: 12 stems cost ",
        "ai: I looked it up: We deliver in Delft on Saturday.",
    ],
    "memory_figure.py": ["buffer: ", "token-buffer (160): ", "drawn into "],
    "log_with_logging.py": [
        "INFO shop chat gpt-4.1-mini: ",
        "ERROR shop chat no-such-model failed: model_not_found",
    ],
    "log_with_loguru.py": ["INFO chat gpt-4.1-mini started", "tokens: 生日适合送粉玫瑰"],
    "log_with_structlog.py": ['"said": "生日适合送粉玫瑰、百合和向日葵。"', '"input": 7'],
}


@dataclass(frozen=True)
class Ran:
    """An example that has run in a folder of its own; `counts` are the tokens that the server sent it."""

    done: subprocess.CompletedProcess[str]
    folder: Path
    counts: Counts

    @property
    def lines(self) -> list[str]:
        """What it printed."""
        return self.done.stdout.splitlines()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ran]:
    """Runs an example, each once for all tests."""

    @functools.cache
    def run(name: str, *before: str) -> Ran:
        folder = tmp_path_factory.mktemp(name.partition(".")[0])
        with ModelServer() as server:
            done = _run(EXAMPLES / name, server.url, folder, *before)
            return Ran(done, folder, server.ledger.total_told)

    return run


@pytest.mark.parametrize("name", PRINTED)
def test_example(name: str, ran: Callable[..., Ran]) -> None:
    """The example ends well, with nothing but notes of ours on stderr."""
    done = ran(name).done
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for expected in PRINTED[name]:
        assert expected in done.stdout


def test_no_example_is_forgotten() -> None:
    """Every program in the folder is in the table above."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTED)


def test_own_opentelemetry_is_the_parent(ran: Callable[..., Ran]) -> None:
    """The call's span is a child of the app's own."""
    printed = ran("own_opentelemetry.py").done.stdout
    order = printed.split("the order is ")[1].split()[0]
    assert f"child of {order}" in printed


def test_marked_is_one_tree(ran: Callable[..., Ran]) -> None:
    """The agent stands in the workflow, and in the agent what it calls."""
    printed = ran("marked.py").done.stderr.partition("\nmodel ")[0].splitlines()
    shown = [
        line.lstrip(" │├└─").partition("  ")[0]
        for line in printed
        if "order" in line or "─" in line
    ]
    assert shown == [
        "invoke_workflow order",
        "invoke_agent florist",
        "chat gpt-4.1-mini",
        "execute_tool flower_price",
        "chat gpt-4.1-mini",
    ]


def test_callbacks_let_another_task_run(ran: Callable[..., Ran]) -> None:
    """The second task runs between the first word of the answer and the second."""
    lines = ran("callbacks.py").lines
    first = lines.index("The result is: gpt-4.1-mini")
    assert lines[first + 1 : first + 4] == [
        "The result is: 生",
        "another task runs",
        "The result is: 日",
    ]
    begun = lines.index("compute starts")
    assert lines[begun : begun + 4] == [
        "compute starts",
        "another task runs",
        "The result is: 7",
        "compute ends",
    ]


def test_chain_writes_the_log(ran: Callable[..., Ran]) -> None:
    """What the chain does and what loguru logs stand in one file."""
    written = (ran("chain_with_logs.py").folder / "output.log").read_text(encoding="utf-8")
    assert all(
        word in written
        for word in ("Entering new LLMChain chain", "1 + 2 = ", "Finished chain", "INFO")
    )


def test_two_customers_overlap(ran: Callable[..., Ran]) -> None:
    """Both customers are looked up before either is answered, and each hears the words of its own answer in order."""
    lines = ran("flower_shop_langchain.py").lines
    assert lines[:2] == ["[小雅] 正在获取花卉数据...", "[Bo] 正在获取花卉数据..."]
    words = [
        line.partition("花卉数据: ")[2] for line in lines if line.startswith("[Bo] 花卉数据: ")
    ]
    assert (
        "".join(words)
        == "For a wedding I would take white peonies with eucalyptus: light, and they smell of June."
    )


def test_loguru_writes_readable_json(ran: Callable[..., Ran]) -> None:
    """Chinese stands in the file as people read it."""
    assert "百合和向日葵" in (ran("log_with_loguru.py").folder / "calls.log").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("conversation_tokens.py", "总计使用的tokens: {total} ({calls} 次调用"),
        ("concurrent_tokens.py", "Tokens Used: {total}"),
        ("memory_figure.py", "together: {total} tokens in {calls} calls"),
    ],
)
def test_counts_are_the_servers(ran: Callable[..., Ran], name: str, counted: str) -> None:
    """An example counts the tokens that the server sent it."""
    counts = ran(name).counts
    assert (
        counted.format(total=counts.input + counts.output, calls=counts.calls)
        in ran(name).done.stdout
    )


def test_figure_is_drawn(ran: Callable[..., Ran]) -> None:
    """The figure is a picture."""
    assert (
        (ran("memory_figure.py").folder / "tokens_by_memory.png")
        .read_bytes()
        .startswith(b"\x89PNG")
    )


def test_agent_is_one_trace(ran: Callable[..., Ran]) -> None:
    """Under `callspan run` the agent is one trace, from the request to the last tool, with each model call once."""
    agent = ran("agent_langgraph.py", "-m", "callspan.cli", "run", "--file", "traces.jsonl")
    assert agent.done.returncode == 0, agent.done.stderr
    lines = (agent.folder / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    spans = [span for line in lines for span in _spans(json.loads(line))]
    (request,) = (span for span in spans if span["name"] == "invoke_agent florist")
    below = sorted(
        span["name"]
        for span in spans
        if span["traceId"] == request["traceId"] and span is not request
    )
    tools = [
        "execute_tool delivery_day",
        "execute_tool flower_price",
        "execute_tool search_catalogue",
    ]
    models = ["chat gpt-4.1-mini", "chat gpt-4.1-mini", "embeddings text-embedding-3-small"]
    assert [name for name in below if not name.startswith("run_node")] == [
        *models,
        *tools,
        "retrieval",
    ]
    assert (len([span for span in spans if span["name"] in models]), agent.counts.calls) == (4, 4)


def test_agent_is_shown(ran: Callable[..., Ran]) -> None:
    """With nothing configured the trace is printed as a tree, and the table below it has models only."""
    printed = ran("agent_langgraph.py", "-m", "callspan.cli", "run").done.stderr
    assert "invoke_agent florist" in printed
    assert "─ execute_tool delivery_day" in printed
    tree = lasting_lines(picture("README.md", "tree"))
    assert [line for line in tree if line not in lasting_lines(printed)] == []
    table = [line.split()[0] for line in printed.partition("\nmodel ")[2].splitlines()[1:] if line]
    assert sorted(table) == ["gpt-4.1-mini", "text-embedding-3-small", "total"]


def _spans(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in line.get("resourceSpans", ()):
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]


def _run(path: Path, url: str, folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """Run a program, in a folder where it may write."""
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "none",
        "PYTHONIOENCODING": "utf-8",
        "TURNS": "5",
        "MPLCONFIGDIR": str(folder),
    }
    return subprocess.run(
        [sys.executable, *before, path],
        env=environment,
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
