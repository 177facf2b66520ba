"""AWS's streams of events, which can be looped over and closed but have no next item by themselves.

The stream that the client made stays, and its class becomes a subclass of what it was; each loop over it is followed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from callspan.lifecycle.generators import observe_loop
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import like, on_drop
from callspan.runtime.background import watch_collector


def follow_events(observation: Observation, stream: Any) -> None:
    """Let an observation follow such a stream to its end, whoever causes it."""
    watch_collector()
    stream._callspan = observation
    stream.__class__ = _shell(type(stream))
    on_drop(stream, observation)


@cache
def _shell(kind: Any) -> type:
    class Stream(kind):
        _callspan: Observation

        def __iter__(self) -> Any:
            return observe_loop(super().__iter__(), self._callspan)

        def close(self) -> None:
            self._callspan.drop()
            super().close()

    class AsyncStream(Stream):
        __iter__ = kind.__iter__

        def __anext__(self) -> Any:
            # the client's own gives no item but a generator of all
            return observe_loop(super().__anext__(), self._callspan)

    return like(kind, AsyncStream if hasattr(kind, "__anext__") else Stream)
