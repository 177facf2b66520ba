"""The names of models that are loaded from a file, a folder or a hub."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import PureWindowsPath

_CACHE_FOLDER = "models--"
"""The start of the name of a folder in which a hub's client keeps a model: `models--org--name`."""


# a program has few models, and each call of one asks again
@lru_cache(maxsize=256)
def model_name(source: str) -> str | None:
    """Return the name of a model without the folders that it lies in, which are the user's own.

    A name on a hub (`org/name`) stays as it is; `None` for a model without a name.
    """
    # this kind of path takes both separators
    parts = PureWindowsPath(source).parts
    if not parts:
        return None
    for position, part in enumerate(parts[:-1]):
        # a snapshot's folder has a hash for its name, so the model's stands further up
        is_snapshot = part == "snapshots" and position == len(parts) - 2
        if is_snapshot and parts[position - 1].startswith(_CACHE_FOLDER):
            return parts[position - 1].removeprefix(_CACHE_FOLDER).replace("--", "/")
    if len(parts) == 2 and _is_hub_name(source):
        return source
    return parts[-1]


def _is_hub_name(source: str) -> bool:
    """Whether a text of two parts is an organisation and a model, and no path."""
    if source.startswith((".", "~", "/", "\\")) or "\\" in source:
        return False
    return not os.path.exists(source)
