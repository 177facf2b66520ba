"""The flower shop with LangChain: a sync and an async handler of its own, and two customers at once.

It knows nothing of callspan. It needs OPENAI_API_KEY; OPENAI_BASE_URL and FLOWER_SHOP_MODEL are optional.
"""

import asyncio
import os
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.outputs import LLMResult
from langchain_openai import ChatOpenAI

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")


class Speaker(BaseCallbackHandler):
    """Says each word as it comes."""

    def __init__(self, customer: str) -> None:
        self.customer = customer

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        if token:
            print(
                f"[{self.customer}] 花卉数据: {token}\n", end=""
            )  # whole lines, for it may run in a thread


class Assistant(AsyncCallbackHandler):
    """Looks things up before the answer and after it, and lets others be served meanwhile."""

    def __init__(self, customer: str) -> None:
        self.customer = customer

    async def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        print(f"[{self.customer}] 正在获取花卉数据...")
        await asyncio.sleep(0.1)
        print(f"[{self.customer}] 花卉数据获取完毕,提供建议...")

    async def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        print(f"[{self.customer}] 整理花卉建议...")
        await asyncio.sleep(0.1)
        print(f"[{self.customer}] 祝你今天愉快!")


async def serve(customer: str, question: str) -> None:
    chat = ChatOpenAI(
        model=MODEL,
        max_tokens=100,
        streaming=True,
        stream_usage=True,
        callbacks=[Speaker(customer), Assistant(customer)],
    )
    await chat.agenerate([[HumanMessage(question)]])


async def main() -> None:
    await asyncio.gather(
        serve("小雅", "哪种花卉最适合生日?只简单说3种,不超过50字。"),
        serve("Bo", "Which flowers for a wedding in June?"),
    )


if __name__ == "__main__":
    asyncio.run(main())
