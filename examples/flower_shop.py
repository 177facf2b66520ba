"""A flower shop that talks to its customers through a language model.

It needs OPENAI_API_KEY, as any program does; OPENAI_BASE_URL and FLOWER_SHOP_MODEL are optional.
"""

import asyncio
import json
import os

import openai
from openai import AsyncOpenAI, OpenAI

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
EMBEDDING_MODEL = "text-embedding-3-small"
FLORIST = {
    "role": "system",
    "content": "You are a friendly florist. Answer in two sentences at most.",
}

PRICES = {"rose": 3.50, "tulip": 1.20, "peony": 4.80}
CATALOGUE = [
    "sunflower: tall, yellow and sunny",
    "lavender: purple, and it helps you to fall asleep",
    "cactus: for people who forget to water",
]
STEMS = {
    "type": "object",
    "properties": {
        "flower": {"type": "string", "enum": list(PRICES)},
        "count": {"type": "integer"},
    },
    "required": ["flower", "count"],
}
TOOLS = [{"type": "function", "function": {"name": "flower_price", "parameters": STEMS}}]


def ask(question: str) -> list:
    return [FLORIST, {"role": "user", "content": question}]


def answer_a_question(client: OpenAI) -> None:
    reply = client.chat.completions.create(
        model=MODEL, messages=ask("How long do cut tulips last?")
    )
    print("Florist:", reply.choices[0].message.content)


def recite_a_poem(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=ask("Write a poem of four lines about a tulip and a rose."),
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


def flower_price(flower: str, count: int) -> str:
    return f"{count} of our {flower} stems cost {PRICES[flower] * count:.2f} euros."


def quote_a_price(client: OpenAI) -> None:
    messages = ask("What is the price of 12 tulip stems?")
    reply = (
        client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
        .choices[0]
        .message
    )
    if not reply.tool_calls:
        print("Florist:", reply.content)
        return
    messages.append(reply)
    for call in reply.tool_calls:
        price = flower_price(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": price})
    final = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    print("Florist:", final.choices[0].message.content)


async def advise(client: AsyncOpenAI, customer: str, question: str) -> str:
    reply = await client.chat.completions.create(model=MODEL, messages=ask(question))
    return f"To {customer}: {reply.choices[0].message.content}"


async def advise_word_by_word(client: AsyncOpenAI, customer: str, question: str) -> str:
    stream = await client.chat.completions.create(
        model=MODEL, messages=ask(question), stream=True, stream_options={"include_usage": True}
    )
    words = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    return f"To {customer}: {''.join(words)}"


async def serve_two_customers() -> None:
    async with AsyncOpenAI() as client:
        answers = await asyncio.gather(
            advise(client, "Ada", "How much water does an orchid need?"),
            advise_word_by_word(client, "Bo", "Which flowers for a wedding in June?"),
        )
    print(*answers, sep="\n")


def find_the_closest_flower(client: OpenAI, wish: str) -> None:
    reply = client.embeddings.create(model=EMBEDDING_MODEL, input=[wish, *CATALOGUE])
    wanted, *offered = [item.embedding for item in reply.data]
    scores = [sum(a * b for a, b in zip(wanted, vector, strict=True)) for vector in offered]
    print(f"For '{wish}' we have", CATALOGUE[scores.index(max(scores))])


def greet_a_hurried_customer(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL, messages=ask("Tell me all about roses."), stream=True
    )
    heard = ""
    for chunk in stream:
        heard += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        if len(heard.split()) >= 4:
            break
    print(f"Florist: {heard} ... (the customer has to catch a train)")


def ask_the_old_oracle(client: OpenAI) -> None:
    try:
        client.chat.completions.create(
            model="no-such-model", messages=ask("Will it rain on Saturday?")
        )
    except openai.NotFoundError:
        print("The oracle is out today; please ask the florist instead.")


def main() -> None:
    with OpenAI() as client:
        answer_a_question(client)
        recite_a_poem(client)
        quote_a_price(client)
        asyncio.run(serve_two_customers())
        find_the_closest_flower(client, "something yellow and sunny for a tall vase")
        greet_a_hurried_customer(client)
        ask_the_old_oracle(client)


if __name__ == "__main__":
    main()
