"""Options of single client objects, set by `attach`; copies of a client inherit them."""

from __future__ import annotations

import sys
import weakref
from types import FrameType

from callspan.accounting.budgets import Budget
from callspan.content.capture import Choice

_DEPTH = 20
"""Frames from a client's `copy` to the constructor of its base class: a few, and more for subclasses."""


class ClientOptions:
    """Handlers, budgets and choices of captured content for one client object."""

    __slots__ = ("budgets", "choices", "handlers")

    def __init__(
        self,
        handlers: tuple[object, ...] = (),
        choices: tuple[Choice, ...] = (),
        budgets: tuple[Budget, ...] = (),
    ) -> None:
        self.handlers = handlers
        self.choices = choices
        self.budgets = budgets

    def plus(
        self, handlers: tuple[object, ...], choice: Choice, budgets: tuple[Budget, ...]
    ) -> ClientOptions:
        """Return these options with further ones."""
        # the newest choice is last, and is applied last (`opening`), so that a later `attach` wins
        return ClientOptions(
            (*self.handlers, *handlers), (*self.choices, choice), (*self.budgets, *budgets)
        )


NO_OPTIONS = ClientOptions()


class OptionsByClient(weakref.WeakKeyDictionary[object, ClientOptions]):
    """Options by client object, for as long as that lives.

    Attributes:
        used: Whether there was ever an option; each call asks, and this is quicker than `len`.
    """

    used = False

    def __setitem__(self, client: object, options: ClientOptions) -> None:
        super().__setitem__(client, options)
        self.used = True


options_by_client = OptionsByClient()


def options_of(client: object) -> ClientOptions:
    """Return the options of a client object, or `NO_OPTIONS`."""
    if not options_by_client.used or client is None:
        return NO_OPTIONS
    return options_by_client.get(client, NO_OPTIONS)


def inherit(variant: object) -> None:
    """Give a new client object the options of the one that is being copied to make it, if any."""
    if not options_by_client.used:
        return
    # any class may have a method named `copy` in which a client is made; only a client's counts
    original = _copied_client(sys._getframe(1))
    if isinstance(original, type(variant)) and original in options_by_client:
        options_by_client[variant] = options_by_client[original]


def _copied_client(frame: FrameType | None) -> object:
    """Return the `self` of a `copy` method that called this frame, directly or not.

    Clients that Stainless generates (openai 1.40 to 3.57, anthropic, groq, ...) make all their
    variants there, by the constructors of about thirty classes, each with a `copy` of its own;
    `with_options` is another name of it. See tests/test_client_variants.py.
    """
    for _ in range(_DEPTH):
        if frame is None:
            return None
        # the code's names are asked first: `f_locals` copies all variables of a frame
        if frame.f_code.co_name == "copy" and "self" in frame.f_code.co_varnames:
            return frame.f_locals.get("self")
        frame = frame.f_back
    return None
