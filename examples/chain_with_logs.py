"""A chain that tells the console and a file what it does, with loguru beside it; it knows nothing of callspan.

OPENAI_API_KEY=... python examples/chain_with_logs.py [LOGFILE]
"""

import sys
import warnings

from langchain_classic.chains import LLMChain
from langchain_core.callbacks import FileCallbackHandler
from langchain_core.prompts import PromptTemplate
from langchain_openai import OpenAI
from loguru import logger

warnings.filterwarnings("ignore", message=".* was deprecated in LangChain")


def main(logfile: str = "output.log") -> None:
    logger.remove()
    logger.add(sys.stdout, format="{level} {message}")
    logger.add(logfile, colorize=True, enqueue=True)
    prompt = PromptTemplate.from_template("1 + {number} = ")
    with FileCallbackHandler(logfile) as handler:
        # verbose prints what happens; the handler writes the same to the file
        chain = LLMChain(llm=OpenAI(), prompt=prompt, callbacks=[handler], verbose=True)
        answer = chain.invoke({"number": 2})
    logger.info(answer["text"].strip())
    logger.complete()


if __name__ == "__main__":
    main(*sys.argv[1:])
