"""Count the tokens of a block of code: nested, across tasks and threads, and while it runs.

OPENAI_API_KEY=... python examples/count_tokens.py
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import openai

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")


def ask(text: str) -> str:
    answer = openai.OpenAI().chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": text}]
    )
    return answer.choices[0].message.content or ""


async def ask_at_once(*texts: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(ask, text) for text in texts))


def main() -> None:
    callspan.instrument()
    with callspan.count_tokens() as day:
        with callspan.count_tokens() as morning:
            ask("我想买玫瑰。")
        print(f"morning: {morning.calls} call, {morning.total} tokens")

        asyncio.run(ask_at_once("Tulips?", "Peonies?", "Orchids?"))
        print(f"so far:  {day.calls} calls, {day.total} tokens")

        with (
            ThreadPoolExecutor() as pool
        ):  # threads do not inherit the context, so it is carried there
            list(pool.map(callspan.carry(ask), ["Lilies?", "Daisies?"]))
    for model, used in day.by_model.items():
        print(
            f"day:     {model}: {used.calls} calls, {used.input} in, {used.output} out, {used.total} in all"
        )


if __name__ == "__main__":
    main()
