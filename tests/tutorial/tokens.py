"""A conversation with memory inside LangChain's own counter, then three calls at once inside another."""

import asyncio

from langchain import OpenAI
from langchain.callbacks import get_openai_callback
from langchain.chains import ConversationChain
from langchain.chains.conversation.memory import ConversationBufferMemory

llm = OpenAI(temperature=0.5, model_name="gpt-3.5-turbo-instruct")
conversation = ConversationChain(llm=llm, memory=ConversationBufferMemory())
with get_openai_callback() as first:
    conversation("我姐姐明天要过生日,我需要一束生日花束。")
    conversation("她喜欢粉色玫瑰,粉色的颜色。")
    conversation("我又来了,还记得我昨天为什么要来买花吗?")
print(conversation.memory.buffer)


async def more() -> int:
    with get_openai_callback() as second:
        await asyncio.gather(*[llm.agenerate(["我姐姐喜欢什么颜色的花?"]) for _ in range(3)])
    return second.total_tokens


print("tokens:", first.total_tokens, "and", asyncio.run(more()))
