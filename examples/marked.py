"""A program with an agent and a tool of its own: marked, they and the calls inside them are one tree.

OPENAI_API_KEY=... python examples/marked.py
"""

import json
import os
from collections.abc import Iterator

import openai

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
PRICES = {"rose": 3.50, "tulip": 1.20}
STEMS = {
    "type": "object",
    "properties": {
        "flower": {"type": "string", "enum": list(PRICES)},
        "count": {"type": "integer"},
    },
    "required": ["flower", "count"],
}
TOOLS = [{"type": "function", "function": {"name": "flower_price", "parameters": STEMS}}]


@callspan.tool
def flower_price(flower: str, count: int) -> str:
    """What so many stems of a flower cost."""
    return f"{count} of our {flower} stems cost {PRICES[flower] * count:.2f} euros."


@callspan.agent("florist")
def answer(client: openai.OpenAI, question: str) -> Iterator[str]:
    messages: list = [{"role": "user", "content": question}]
    reply = (
        client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
        .choices[0]
        .message
    )
    messages.append(reply)
    for call in reply.tool_calls or []:
        price = flower_price(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": price})
    usage = {"include_usage": True}
    stream = client.chat.completions.create(
        model=MODEL, messages=messages, tools=TOOLS, stream=True, stream_options=usage
    )
    for chunk in stream:
        yield (chunk.choices[0].delta.content or "") if chunk.choices else ""


def main() -> None:
    callspan.configure(console=True)
    callspan.instrument()
    with openai.OpenAI() as client, callspan.workflow("order"):
        for word in answer(client, "What is the price of 12 tulip stems?"):
            print(word, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
