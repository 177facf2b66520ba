"""AWS's streams of events, which can be looped over and closed but have no next item by themselves.

Each loop over such a stream is observed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from callspan.hooks.client_types import ClientClass, ClientObject
from callspan.lifecycle.generators import follow_loop
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import as_overlay
from callspan.lifecycle.streams import on_drop
from callspan.runtime.background import watch_collector


def follow_events(observation: Observation, stream: ClientObject) -> None:
    """Let an observation follow a stream of events to its end, whoever causes it."""
    watch_collector()
    # botocore's EventStream and aiobotocore's AioEventStream; see tests/test_bedrock.py
    stream._callspan = observation
    stream.__class__ = _overlay(type(stream))
    on_drop(stream, observation)


@cache
def _overlay(kind: ClientClass) -> type:
    """Return a subclass of a class of streams whose loops are observed."""

    class Stream(kind):
        _callspan: Observation

        def __iter__(self) -> Iterator[object]:
            return follow_loop(self._callspan, super().__iter__())

        def close(self) -> None:
            self._callspan.drop()
            super().close()

    class AsyncStream(Stream):
        # aiobotocore's raises, and says to use `async for`
        __iter__ = kind.__iter__

        def __anext__(self) -> object:
            # aiobotocore returns no item here but an asynchronous generator of all of them
            return follow_loop(self._callspan, super().__anext__())

    if hasattr(kind, "__anext__"):
        return as_overlay(kind, AsyncStream)
    return as_overlay(kind, Stream)
