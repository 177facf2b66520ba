"""Calls in the log of an app that uses logging: a handler of callspan's as a recipe.

OPENAI_API_KEY=... python examples/log_with_logging.py
"""

import logging
import os
import sys

import openai

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")


class LogCalls:
    """One record a call, with what is known of it as fields; nothing of what was said."""

    needs_text = False

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        tokens = response.usage.total if response.usage else None
        facts = {"model": response.model, "tokens": tokens, "seconds": call.duration}
        self._logger.info("%s %s: %s tokens", call.operation, call.model, tokens, extra=facts)

    def on_error(self, call: callspan.Call, error: BaseException) -> None:
        self._logger.error("%s %s failed: %s", call.operation, call.model, call.failure.type)


def main() -> None:
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    callspan.instrument(handlers=[LogCalls(logging.getLogger("shop"))])
    client = openai.OpenAI()
    client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "玫瑰能放几天?"}]
    )
    try:
        client.chat.completions.create(
            model="no-such-model", messages=[{"role": "user", "content": "Tulips?"}]
        )
    except openai.NotFoundError:
        print("The oracle is out today.")


if __name__ == "__main__":
    main()
