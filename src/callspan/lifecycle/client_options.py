"""What single client objects have of their own, for as long as they live, and what is made of them inherits."""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Any

from callspan.accounting.budgets import Budget
from callspan.content.capture import Choice

_DEPTH = 20
"""Calls from a client's `copy` to the base of its classes: a few, and some more where an app has classes of its own."""


class ClientOptions:
    """What one client object has of its own: handlers, budgets, and what of its content is captured."""

    __slots__ = ("budgets", "choices", "handlers")

    def __init__(
        self,
        handlers: tuple[Any, ...] = (),
        choices: tuple[Choice, ...] = (),
        budgets: tuple[Budget, ...] = (),
    ) -> None:
        self.handlers = handlers
        self.choices = choices
        self.budgets = budgets

    def plus(
        self, handlers: tuple[Any, ...], choice: Choice, budgets: tuple[Budget, ...]
    ) -> ClientOptions:
        """These with more."""
        return ClientOptions(
            (*self.handlers, *handlers), (*self.choices, choice), (*self.budgets, *budgets)
        )


NO_OPTIONS = ClientOptions()


class OptionsByClient(weakref.WeakKeyDictionary[Any, ClientOptions]):
    """What client objects have of their own. `used` tells quicker than its length that none has anything."""

    used = False

    def __setitem__(self, client: Any, options: ClientOptions) -> None:
        super().__setitem__(client, options)
        self.used = True


options_by_client = OptionsByClient()


def inherit(variant: Any) -> None:
    """Give a client object what the one has of its own that is being copied to make it, if it is made so."""
    if not options_by_client.used:
        return
    original = _copied_client(sys._getframe(1))
    if isinstance(original, type(variant)) and original in options_by_client:
        options_by_client[variant] = options_by_client[original]


def _copied_client(frame: FrameType | None) -> Any:
    """Return the object whose `copy` runs in a frame or one of those that have called it.

    Clients that Stainless generates (openai 1.40 to 3.57, anthropic, groq, ...) make all their variants there, by the
    constructors of about thirty classes, each with a `copy` of its own; `with_options` is another name of it. See
    tests/test_client_variants.py.
    """
    for _ in range(_DEPTH):
        if frame is None:
            return None
        if frame.f_code.co_name == "copy" and "self" in frame.f_code.co_varnames:
            return frame.f_locals.get("self")
        frame = frame.f_back
    return None
