"""With content off nothing of what runs of LangChain are given, make or raise leaves the process."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph

from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from exits import Exits, secret
from frameworks.langchain.conftest import chat_model, run


class Shelf(BaseRetriever):
    """Finds one document, or fails in words that quote the query."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        if "fail" in query:
            raise LookupError(query)
        return [Document(query, metadata={"source": secret("source")}, id=secret("document"))]


@tool
def order(flower: str) -> str:
    """Orders."""
    if "fail" in flower:
        raise ValueError(flower)
    return f"{flower} ordered"


CONFIG: Any = {
    "metadata": {"note": secret("metadata"), secret("key"): 1},
    "configurable": {"api_key": secret("configured")},
}


def fails(_value: Any) -> Any:
    raise RuntimeError(secret("chain-error"))


def program(server: ModelServer) -> None:
    """Chains, tools, retrievers and graphs; each once well and once failing."""
    model = chat_model(server, api_key=secret("api-key"), user=secret("user"))
    prompt = ChatPromptTemplate.from_messages(
        [("system", secret("system")), ("user", "{question}")]
    )
    given = {"question": secret("question")}
    called = (ToolCall("order", json.dumps({"flower": secret("given")})),)
    server.enqueue(Reply(text=secret("answer"), tool_calls=called, reasoning=secret("reasoning")))
    (prompt | model.bind_tools([order])).invoke(given, CONFIG)
    server.enqueue(Reply(text=secret("answer")))
    list((prompt | model).stream(given, CONFIG))
    server.enqueue(Reply(text=secret("answer")))
    run((prompt | model).ainvoke(given, CONFIG))
    server.enqueue(Reply(status=400, error_message=secret("refusal")))
    graph = (
        StateGraph(dict)
        .add_node("say", lambda _state: {"said": secret("state")})
        .add_edge(START, "say")
        .compile()
    )
    for ask in (
        lambda: (prompt | model).invoke(given, CONFIG),
        lambda: (RunnableLambda(fails) | model).invoke(given, CONFIG),
        lambda: order.invoke({"flower": secret("flower")}, CONFIG),
        lambda: order.invoke({"flower": secret("flower-fail")}, CONFIG),
        lambda: Shelf().invoke(secret("query"), CONFIG),
        lambda: Shelf().invoke(secret("query-fail"), CONFIG),
        lambda: graph.invoke({"said": secret("input")}, CONFIG),
    ):
        with contextlib.suppress(Exception):
            ask()


@pytest.mark.parametrize(
    "options", [{}, {"semconv": "both", "token_events": "all", "estimate": "missing"}], ids=str
)
def test_no_content_leaves_unless_captured(
    options: Any, model_server: ModelServer, tmp_path: Path
) -> None:
    """Secrets in every place of a run, well and failing: none is in any exported byte."""
    exits = Exits(tmp_path)
    with exits.watched(**options):
        program(model_server)
    names = {span.name.partition(" ")[0] for span in exits.telemetry.spans}
    assert {"chat", "execute_tool", "retrieval"} <= names
    assert not exits.leaks()
