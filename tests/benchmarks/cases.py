"""What is counted: calls of real clients and frameworks, answered within the process.

Knows nothing of callspan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import work
from tests.benchmarks.work import Action


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        name: Its name.
        make: Makes the action, with a client of its own.
        times: How often the action is repeated, so that the figure for one is stable.
    """

    name: str
    make: Callable[[], Action]
    times: int


def chat_model(stream: bytes = work.LONG_STREAM) -> Any:
    """LangChain's model of OpenAI, answered within the process."""
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model="gpt-4.1-mini", temperature=0.5, api_key="none", http_client=work.http_client(stream)
    )


def invoke() -> Action:
    """One call of LangChain's model."""
    model = chat_model()
    return lambda: model.invoke("flowers " * 128) and None


def agent() -> Action:
    """An agent that asks a model, runs a tool, and asks the model again."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    @tool
    def price(flower: str) -> str:
        """The price of a flower."""
        return f"{flower}: 3"

    model = chat_model()
    graph: Any = create_agent(model, [price], name="florist")
    question = {"messages": [{"role": "user", "content": "What does a rose cost?"}]}
    return lambda: graph.invoke(question) and None


CASES = (
    Case("plain chat", work.call, 50),
    Case("stream of 1,000 chunks", work.stream, 1),
    Case("LangChain: invoke", invoke, 50),
    Case("LangGraph: agent, two calls, a tool", agent, 20),
)
SHORT = CASES
