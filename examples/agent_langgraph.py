"""A LangGraph agent with two tools and a retriever; it knows nothing of callspan.

OPENAI_API_KEY=... callspan run examples/agent_langgraph.py
"""

import os

from langchain.agents import create_agent
from langchain_core.tools import create_retriever_tool, tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
PRICES = {"rose": 3.50, "tulip": 1.20, "lavender": 0.90}
CATALOGUE = [
    "sunflower: tall, yellow and sunny",
    "lavender: purple, and it helps you to fall asleep",
    "cactus: for people who forget to water",
]


@tool
def flower_price(flower: str, count: int) -> str:
    """The price of so many stems of a flower."""
    return f"{count} stems cost {PRICES.get(flower, 2.00) * count:.2f} euros."


@tool
def delivery_day(town: str) -> str:
    """The day on which we deliver in a town."""
    return f"We deliver in {town} on Saturday."


def main() -> None:
    # counting tokens beforehand would load tables from the network
    embeddings = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
    shelf = InMemoryVectorStore.from_texts(CATALOGUE, embeddings)
    catalogue = create_retriever_tool(
        shelf.as_retriever(search_kwargs={"k": 1}),
        "search_catalogue",
        "Finds flowers by what they are good for.",
    )
    agent = create_agent(
        ChatOpenAI(model=MODEL), [catalogue, flower_price, delivery_day], name="florist"
    )
    question = "Search the catalogue for a flower that helps me sleep, the price of 12 stems, and delivery to Delft."
    for message in agent.invoke({"messages": [("user", question)]})["messages"]:
        print(
            f"{message.type}: {message.text or [call['name'] for call in getattr(message, 'tool_calls', [])]}"
        )


if __name__ == "__main__":
    main()
