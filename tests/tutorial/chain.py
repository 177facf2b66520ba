"""A chain that writes what it does to the console and to a file, beside loguru."""

from langchain.callbacks import FileCallbackHandler
from langchain.chains import LLMChain
from langchain.llms import OpenAI
from langchain.prompts import PromptTemplate
from loguru import logger

LOG = "chain.log"
logger.add(LOG, colorize=True, enqueue=True)
file = FileCallbackHandler(LOG)
sums = LLMChain(
    llm=OpenAI(),
    prompt=PromptTemplate.from_template("1 + {number} = "),
    callbacks=[file],
    verbose=True,
)
logger.info("the sum is " + sums.run(number=2))
logger.complete()
