"""Data about another package, which stands in a module of its own and is loaded when needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T_co]):
    """The facts of a package that are needed before it is imported.

    Attributes:
        name: The name that users write.
        modules: The modules before whose import the data is needed; the first is the package's.
        load: Returns the data.
        setting: The setting by which it is wanted where the settings name nothing; `None` for one
            that is wanted anyhow.
    """

    name: str
    modules: tuple[str, ...]
    load: Callable[[], T_co]
    setting: str | None = None

    @property
    def module(self) -> str:
        """The module whose import has the patches put in place."""
        return self.modules[0]


def load(home: str, variable: str) -> Any:
    """Return a variable of a module of ours, which is imported for it."""
    return getattr(import_module(home), variable)
