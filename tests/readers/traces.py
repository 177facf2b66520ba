"""A trace of all clients and frameworks that the tests have, in each version of the conventions.

python -m readers.traces FOLDER NAME,...    # in the folder `tests`

Writes a file of OTLP's JSON for each version, and one for each version and reader that is named.
Content and costs are recorded; a conversation and a user are named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

import callspan
from callspan.export.otlp_json import span_lines
from callspan.testing.modelserver import Counts, ModelServer, Reply, ToolCall
from clients import anthropic_at, openai_client
from conformance.scenarios import SCENARIOS, play
from creating import cohere_client
from table.kinds import KINDS, Kind
from telemetry import Telemetry

VERSIONS = ("released", "latest", "both")
VERSIONS_WITH_READERS = ("released", "latest")
"""Those that are recorded with each reader too: the third has the names of both."""
PRICE = {"input": 2.0, "output": 8.0}
_LEFT_OUT = ("chat_endless", "chat_cancelled", "chat_stream_cancelled")
"""Scenarios that show nothing here, and whose content is long or whose end takes time."""
_MODELS = (
    "gpt-4.1-mini",
    "flowers-8b",
    "text-embedding-3-small",
    "claude-haiku-4-5",
    "gemini-2.5-flash",
)
_CACHED = Reply(text="Roses.", usage=Counts(input=50, output=20, cached=30, cache_write=5))


def main(folder: Path, names: tuple[str, ...]) -> None:
    """Write the files."""
    for version in VERSIONS:
        (folder / f"{version}.jsonl").write_text(record(semconv=version), encoding="utf-8")
    for version in VERSIONS_WITH_READERS:
        for name in names:
            text = record(semconv=version, readers=(name,))
            (folder / f"{version}+{name}.jsonl").write_text(text, encoding="utf-8")


def record(**settings: Any) -> str:
    """Return the spans of all programs, a line for each."""
    telemetry = Telemetry()
    prices = {"models": dict.fromkeys(_MODELS, PRICE)}
    with ModelServer() as server:
        telemetry.instrument(capture="span", cost=True, prices=prices, **settings)
        for act in _acts():
            act(server)
        assert callspan.flush()
        callspan.uninstrument()
    telemetry.shutdown()
    return "".join(span_lines(telemetry.spans))


def _acts() -> Iterable[Callable[[ModelServer], object]]:
    for scenario in SCENARIOS:
        if scenario.name not in _LEFT_OUT:
            yield lambda server, scenario=scenario: _for_somebody(play, scenario, server)
    for kind in KINDS:
        yield lambda server, kind=kind: _for_somebody(_ask, kind, server)
        yield lambda server, kind=kind: _for_somebody(_stream, kind, server)
    yield from (_write_cache, _rerank, _fill_prompt, _nest_agents, _run_graph)


def _for_somebody(act: Callable[..., object], *arguments: Any) -> None:
    """Act in a conversation of its own."""
    with callspan.attributes(conversation_id=f"talk-{next(_numbers)}", user_id="ann"):
        act(*arguments)


_numbers = count()


def _ask(kind: Kind, server: ModelServer) -> None:
    with kind.make(server.url) as client:
        kind.resource(client).create(**kind.request)


def _stream(kind: Kind, server: ModelServer) -> None:
    with kind.make(server.url) as client:
        request = {**kind.request, **kind.stream_request}
        for _chunk in kind.resource(client).create(stream=True, **request):
            pass


def _write_cache(server: ModelServer) -> None:
    server.enqueue(_CACHED)
    with anthropic_at(server.url) as client:
        client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=64,
            messages=[{"role": "user", "content": "Which flowers last longest?"}],
        )


def _rerank(server: ModelServer) -> None:
    cohere_client(server.url).rerank(
        model="rerank-v3.5", query="Which flower lasts?", documents=["rose", "tulip"]
    )


def _fill_prompt(server: ModelServer) -> None:
    prompt: Any = {"id": "pmpt_1", "version": "2", "variables": {"flower": "rose"}}
    with openai_client(server.url) as client:
        client.responses.create(model="gpt-4.1-mini", prompt=prompt, input="Which vase?")


def _nest_agents(server: ModelServer) -> None:
    """An agent in a workflow asks another by a tool; both call models."""

    @callspan.tool
    def ask_specialist(question: str) -> str:
        with callspan.agent("specialist"):
            return _say(client, question)

    with (
        callspan.attributes(session_id="visit-1", user_id="ann"),
        openai_client(server.url) as client,
        callspan.workflow("order"),
        callspan.agent("florist"),
    ):
        _say(client, "Which flowers last longest?")
        ask_specialist("How long does a rose last?")


def _say(client: Any, question: str) -> str:
    messages = [{"role": "user", "content": question}]
    answer = client.chat.completions.create(model="gpt-4.1-mini", messages=messages)
    return answer.choices[0].message.content


def _run_graph(server: ModelServer) -> None:
    """LangGraph's agent asks a retriever and a tool, in a thread of its own."""
    # here, as it takes seconds
    from langchain.agents import create_agent
    from langchain_core.tools import create_retriever_tool, tool
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    address: dict[str, Any] = {"base_url": server.url, "api_key": "any"}

    @tool
    def flower_price(flower: str, stems: int) -> str:
        """The price of so many stems of a flower."""
        return f"{stems} stems of {flower} cost 12 euros."

    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small", check_embedding_ctx_length=False, **address
    )
    shelf = InMemoryVectorStore.from_texts(["lavender: you fall asleep"], embeddings)
    catalogue = create_retriever_tool(shelf.as_retriever(), "catalogue", "Finds flowers.")
    agent = create_agent(
        ChatOpenAI(model="gpt-4.1-mini", **address), [catalogue, flower_price], name="florist"
    )
    server.enqueue(
        Reply(tool_calls=(ToolCall("catalogue", '{"query":"sleep"}'),)),
        Reply(tool_calls=(ToolCall("flower_price", '{"flower":"lavender","stems":12}'),)),
        Reply(text="Lavender, for 12 euros."),
    )
    with callspan.attributes(user_id="ann"):
        agent.invoke(
            {"messages": [("user", "What helps me sleep?")]},
            {"configurable": {"thread_id": "thread-1"}},
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(filter(None, sys.argv[2].split(","))))
