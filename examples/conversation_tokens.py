"""A conversation with memory: three turns over two days, and the tokens that they cost together.

OPENAI_API_KEY=... python examples/conversation_tokens.py
"""

import os
import warnings

from langchain_classic.chains import ConversationChain
from langchain_classic.memory import ConversationBufferMemory
from langchain_openai import ChatOpenAI

import callspan

warnings.filterwarnings("ignore", message=".* was deprecated in LangChain")
MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")


def main() -> None:
    callspan.instrument()
    memory = ConversationBufferMemory()
    conversation = ConversationChain(llm=ChatOpenAI(model=MODEL, temperature=0.5), memory=memory)
    with callspan.count_tokens() as usage:
        print("第一天")
        conversation.invoke("我姐姐明天要过生日,我需要一束生日花束。")
        print(f"第一次对话后的记忆:\n{memory.buffer}\n至此 {usage.total} tokens")
        conversation.invoke("她喜欢玫瑰,喜欢粉色的颜色。")
        print(f"第二次对话后的记忆:\n{memory.buffer}\n至此 {usage.total} tokens")
        print("第二天")
        conversation.invoke("我又来了,还记得我昨天为什么要来买花吗?")
        print(f"第三次对话后的记忆:\n{memory.buffer}")
    print(
        f"总计使用的tokens: {usage.total} ({usage.calls} 次调用, 输入 {usage.input}, 输出 {usage.output})"
    )


if __name__ == "__main__":
    main()
