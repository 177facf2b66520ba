"""Handlers of your own, on three scopes: all calls, one client, one block.

OPENAI_API_KEY=... python examples/handlers.py
"""

import asyncio
import os

import openai

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")


class Typewriter:
    """Prints an answer while it arrives."""

    def on_token(self, call: callspan.Call, token: callspan.Token) -> None:
        print(token.text, end="", flush=True)

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        print(f"  [{call.outcome.value}]")


class Ledger:
    """Writes down what each call has used; `async def`, so that it may await a database."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        used = response.usage.total if response.usage else "?"
        self.lines.append(f"{call.model}: {used} tokens")

    async def on_error(self, call: callspan.Call, error: BaseException) -> None:
        self.lines.append(f"{call.model}: {call.failure.type}")


class Stopwatch:
    """Measures the calls of a block."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        self.seconds += call.duration


def question(text: str) -> dict:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


async def customers(client: openai.AsyncOpenAI) -> None:
    asked = ("What goes with roses?", "How long do tulips last?")
    await asyncio.gather(*(client.chat.completions.create(**question(text)) for text in asked))


def main() -> None:
    ledger, stopwatch = Ledger(), Stopwatch()
    callspan.instrument(handlers=[ledger])  # all calls

    chatty = openai.OpenAI()
    callspan.attach(chatty, Typewriter())  # one client
    for _ in chatty.chat.completions.create(**question("Describe a peony."), stream=True):
        pass

    with callspan.use_handlers(stopwatch):  # one block
        asyncio.run(customers(openai.AsyncOpenAI()))

    callspan.flush()
    print("\n".join(ledger.lines))
    print("two customers were served" if stopwatch.seconds > 0 else "nobody came")


if __name__ == "__main__":
    main()
