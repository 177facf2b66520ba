"""Three calls at once inside one counter, by the names that programs written for LangChain's counter use.

OPENAI_API_KEY=... python examples/concurrent_tokens.py
"""

import asyncio

from langchain_openai import OpenAI

from callspan.langchain import get_openai_callback


async def main() -> None:
    llm = OpenAI()
    with get_openai_callback() as cb:
        await asyncio.gather(*(llm.agenerate(["我姐姐喜欢什么颜色的花?"]) for _ in range(3)))
    print(f"另外的交互中使用的tokens: {cb.total_tokens}")
    print(cb)


if __name__ == "__main__":
    asyncio.run(main())
