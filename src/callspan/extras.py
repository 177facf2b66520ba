"""What single client objects have of their own, for as long as they live."""

from __future__ import annotations

import weakref
from functools import reduce
from typing import Any

from callspan.adapters import ADAPTERS
from callspan.budgets import Budget
from callspan.content.capture import Choice


class Extras:
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

    def plus(self, handlers: tuple[Any, ...], choice: Choice, budgets: tuple[Budget, ...]) -> Extras:
        """These with more."""
        return Extras((*self.handlers, *handlers), (*self.choices, choice), (*self.budgets, *budgets))


NO_EXTRAS = Extras()


class Attached(weakref.WeakKeyDictionary[Any, Extras]):
    """What client objects have of their own. `used` tells quicker than its length that none has anything."""

    used = False

    def __setitem__(self, client: Any, extras: Extras) -> None:
        super().__setitem__(client, extras)
        self.used = True


attached = Attached()


def spoken_through(client: Any) -> Any:
    """The object that the door sees when this client object makes a call."""
    for adapter in ADAPTERS:
        # some packages have their clients of clouds beside them, as mistralai has mistralai_azure
        if adapter.inner is not None and type(client).__module__.startswith(
            (f"{adapter.module}.", f"{adapter.module}_")
        ):
            return reduce(lambda found, name: getattr(found, name, client), adapter.inner.split("."), client)
    return client
