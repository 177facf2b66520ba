"""What a framework is: one more source of calls, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callspan.events import Call
from callspan.lifecycle.observation import Observation, Reader
from callspan.runtime.patching import Patch

Opener = Callable[[Call, Reader, Any], "Observation | None"]
"""Begins to observe a call, given what reads its answers and the context in which it stands; `None` if nobody wants
to hear of it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One framework: its names, the versions it was tried with, what it does, and the patches by which it is heard.

    `packages` are those whose versions its runs tell.
    `listen` is given what begins observations, or `None` when nobody listens any more, and whether all of the
    framework is to be heard, or only that to which the app has given a handler of ours.
    """

    name: str
    package: str
    module: str
    packages: tuple[str, ...]
    versions: tuple[str, str]
    operations: tuple[str, ...]
    patches: Callable[[], list[Patch]]
    listen: Callable[[Opener | None, bool], None]
