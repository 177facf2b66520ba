"""Calls in the log of an app that uses loguru: the lines of callspan's console handler go where loguru's go.

OPENAI_API_KEY=... python examples/log_with_loguru.py [LOGFILE]
"""

import os
import sys

import openai
from loguru import logger

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")


class LogCalls:
    """A record when a call starts and when it ends, bound to the call's number and, with what is said, its answer."""

    def on_start(self, call: callspan.Call) -> None:
        logger.bind(call=call.id).info("{} {} started", call.operation, call.model)

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        tokens = response.usage.total if response.usage else "?"
        logger.bind(call=call.id).success("{} tokens: {}", tokens, response.text)

    def on_error(self, call: callspan.Call, error: BaseException) -> None:
        logger.bind(call=call.id).error("failed: {}", call.failure.type)


def main(logfile: str = "calls.log") -> None:
    logger.remove()
    logger.add(sys.stdout, format="{level} {message}")
    logger.add(logfile, serialize=True)  # a line of JSON a record
    callspan.instrument(handlers=[LogCalls()])
    question = {"model": MODEL, "messages": [{"role": "user", "content": "哪种花最适合生日?"}]}
    openai.OpenAI().chat.completions.create(**question)


if __name__ == "__main__":
    main(*sys.argv[1:])
