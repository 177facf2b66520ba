"""Calls in the log of an app that uses structlog: one event a call, as a line of JSON with its facts.

OPENAI_API_KEY=... python examples/log_with_structlog.py
"""

import os

import openai
import structlog

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
# without ensure_ascii=False people would read \u escapes
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
)


class LogCalls:
    """One event a call, with its tokens and what the model said."""

    def __init__(self) -> None:
        self._log = structlog.get_logger()

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        used = response.usage
        counts = {"input": used.input, "output": used.output} if used else {}
        self._log.info(
            call.operation,
            model=response.model,
            outcome=call.outcome.value,
            said=response.text,
            **counts,
        )

    def on_error(self, call: callspan.Call, error: BaseException) -> None:
        self._log.error(
            call.operation, model=call.model, outcome=call.outcome.value, error=call.failure.type
        )


def main() -> None:
    callspan.instrument(handlers=[LogCalls()])
    question = {"model": MODEL, "messages": [{"role": "user", "content": "哪种花最适合生日?"}]}
    openai.OpenAI().chat.completions.create(**question)


if __name__ == "__main__":
    main()
