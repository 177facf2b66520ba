"""Names that users of LangChain import: `from callspan.langchain import get_openai_callback`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from callspan.frameworks.langchain.counter import OpenAICount
from callspan.frameworks.langchain.forwarding import from_langchain
from callspan.handlers.counter import count_tokens
from callspan.setup.instrument import watch


@contextlib.contextmanager
def get_openai_callback() -> Iterator[OpenAICount]:
    """Count the calls begun inside a block, of LangChain's models and of plain clients alike.

    As `count_tokens()`: blocks nest, tasks and the threads of `batch` carry them, an exception ends
    them, and a stream counts when it ends. Where `instrument()` was not called, the clients are
    watched from here on, without telemetry.
    """
    # in a drop-in only the import was changed, so nobody may have called `instrument()`
    watch()
    with count_tokens() as count:
        yield OpenAICount(count)


@functools.cache
def _handler_class() -> type:
    # the class derives from one of LangChain's, so it is made when a program asks for it
    from callspan.frameworks.langchain.handler import handler_class
    from callspan.setup.instrument import subscribe

    return handler_class(lambda: subscribe("langchain"))


_MADE = {"CallspanHandler": _handler_class}
"""What is built when it is asked for, by a program that has LangChain."""


def __getattr__(name: str) -> Any:
    if name in _MADE:
        return _MADE[name]()
    raise AttributeError(f"module 'callspan.langchain' has no attribute {name!r}")


__all__ = ["OpenAICount", "from_langchain", "get_openai_callback"]
