"""For tests of apps that call models: a scripted model server, and a record of the calls.

Both are pytest fixtures too, `model_server` and `recorded_calls`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# for type checkers and editors; at run time `_load` imports a name when it is used
if TYPE_CHECKING:
    from callspan.testing.modelserver import (
        Counts,
        Ledger,
        ModelServer,
        Reply,
        Request,
        ToolCall,
    )
    from callspan.testing.recorder import RecordedCall, Recorder

_RECORDER_NAMES = ("RecordedCall", "Recorder")


def _load(name: str) -> Any:
    """Import a public name when it is used: pytest loads this package in each of its runs."""
    if name not in __all__:
        raise AttributeError(f"module 'callspan.testing' has no attribute {name!r}")
    if name in _RECORDER_NAMES:
        from callspan.testing import recorder as home
    else:
        from callspan.testing import modelserver as home
    return getattr(home, name)


if not TYPE_CHECKING:
    # a type checker that saw it would take any name for one of ours
    __getattr__ = _load


__all__ = [
    "Counts",
    "Ledger",
    "ModelServer",
    "RecordedCall",
    "Recorder",
    "Reply",
    "Request",
    "ToolCall",
]
