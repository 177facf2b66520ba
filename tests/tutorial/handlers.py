"""A sync and an async handler on one streaming chat."""

import asyncio

from langchain.callbacks.base import AsyncCallbackHandler, BaseCallbackHandler
from langchain.chat_models import ChatOpenAI
from langchain.schema import HumanMessage, LLMResult


class Words(BaseCallbackHandler):
    def on_llm_new_token(self, token: str, **kwargs) -> None:
        print(f"word: {token}")


class Service(AsyncCallbackHandler):
    async def on_llm_start(self, serialized: dict, prompts: list, **kwargs) -> None:
        await asyncio.sleep(0)
        print(f"asked: {prompts[0]}")

    async def on_llm_end(self, response: LLMResult, **kwargs) -> None:
        await asyncio.sleep(0)
        print(f"answered: {response.generations[0][0].text}")


async def main() -> None:
    chat = ChatOpenAI(max_tokens=100, streaming=True, callbacks=[Words(), Service()])
    await chat.agenerate([[HumanMessage(content="哪种花卉最适合生日?")]])


asyncio.run(main())
