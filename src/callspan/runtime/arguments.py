"""The arguments of a function of somebody else's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def by_name(
    names: Iterable[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all arguments of a call by name.

    Args:
        names: The names of the parameters, in order; further arguments by position are left out.
        args: The arguments by position.
        kwargs: The arguments by name.
    """
    return {**dict(zip(names, args, strict=False)), **kwargs}
