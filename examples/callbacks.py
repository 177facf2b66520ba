"""Plain functions as callbacks: of a plain function, of a coroutine, and of a call to a model.

OPENAI_API_KEY=... python examples/callbacks.py
"""

import asyncio
import os
from types import SimpleNamespace

import openai

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "哪种花最适合生日?"}]}


def spoken(value) -> str:
    """What a number, a token or an answer says; of a call that starts, its model."""
    return str(getattr(value, "text", getattr(value, "model", value)))


def print_result(*news) -> None:
    print(f"The result is: {spoken(news[-1])}")


def print_length(*news) -> None:
    print(f"It has {len(spoken(news[-1]))} characters.")


def compute(x: int, y: int, callback) -> None:
    callback(x + y)


async def compute_slowly(x: int, y: int, callback) -> None:
    print("compute starts")
    await asyncio.sleep(0.05)
    callback(x + y)
    print("compute ends")


async def another_task(begun: asyncio.Event) -> None:
    await begun.wait()
    print("another task runs")


async def ask() -> None:
    stream = await openai.AsyncOpenAI().chat.completions.create(**QUESTION, stream=True)
    async for _ in stream:
        await asyncio.sleep(0)  # the word is passed on to the customer
    print("the model has answered")


async def side_by_side() -> None:
    begun = asyncio.Event()
    begun.set()
    await asyncio.gather(compute_slowly(3, 4, print_result), another_task(begun))

    # the same functions hear a model: the start, each word, the end; the other task starts with the first word
    begun = asyncio.Event()
    words = SimpleNamespace(on_start=print_result, on_token=print_result, on_end=print_length)
    first_word = SimpleNamespace(on_token=lambda call, token: begun.set())
    with callspan.use_handlers(words, first_word):
        await asyncio.gather(ask(), another_task(begun))


def main() -> None:
    callspan.instrument()
    compute(3, 4, print_result)
    compute(300, 4, print_length)
    asyncio.run(side_by_side())


if __name__ == "__main__":
    main()
