"""What functions and blocks may be marked as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callspan.content.values import as_object, as_text
from callspan.events import TEXT, Content, Delta, Part, parsed


@dataclass(frozen=True, slots=True)
class Kind:
    """What something may be marked as: its word, its operation, and how what is given to it and by it is read."""

    word: str
    operation: str
    sent: Callable[[Any], Content]
    given: Callable[[Any, bool], Delta]


def _asked(arguments: Any) -> Content:
    """One argument is what an agent is asked; more of them are told with their names."""
    if isinstance(arguments, dict) and len(arguments) < 2:
        arguments = next(iter(arguments.values()), None)
    if arguments is None:
        return Content()
    return Content([{"role": "user", "parts": [{"type": TEXT, "content": as_text(arguments)}]}])


def _answered(result: Any, _full: bool) -> Delta:
    return Delta(parts=[Part(TEXT, as_text(result))])


def _used(arguments: Any) -> Content:
    return Content(arguments=None if arguments is None else as_object(parsed(arguments)))


def _found(result: Any, _full: bool) -> Delta:
    return Delta(result=as_object(result))


WORKFLOW = Kind("workflow", "invoke_workflow", _asked, _answered)
AGENT = Kind("agent", "invoke_agent", _asked, _answered)
TOOL = Kind("tool", "execute_tool", _used, _found)
