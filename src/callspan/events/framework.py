"""What a framework knows of a call that is made by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Framework:
    """The framework, its run, and where in the framework's own program that run stands."""

    name: str
    version: str = ""
    run_id: str = ""
    tags: tuple[str, ...] = ()
    node: str | None = None
    step: int | None = None
    conversation_id: str | None = None
