"""Bodies that the app reads as bytes, while an observation follows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol

from callspan.lifecycle.observation import Observation


class Body(Protocol):
    """A reader of one body."""

    def feed(self, piece: bytes) -> None:
        """Take in the next piece; a piece may begin and end anywhere."""
        ...

    def end(self) -> None:
        """End the call: the body is complete."""
        ...


@contextmanager
def client_reading(
    observation: Observation, passing: tuple[type[BaseException], ...] = ()
) -> Iterator[None]:
    """Mark that code of the client's is reading, and end the call if that fails.

    Exceptions of the types in `passing` do not end the call.
    """
    observation.inside = True
    try:
        yield
    except passing:
        # caught first, as `GeneratorExit` is a `BaseException` too
        raise
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        observation.inside = False


def feed(source: Iterator[bytes], observation: Observation, body: Body) -> Iterator[bytes]:
    """Yield the pieces of a body, each of which its reader gets first."""
    # a reader that stops closes this generator; closing the response is what ends the call
    with client_reading(observation, (GeneratorExit,)):
        for piece in source:
            body.feed(piece)
            # the reader's code runs at the `yield`; a response that it closes there ends the call
            observation.inside = False
            yield piece
            observation.inside = True
        # not in a `finally`: a reader that stops early has not read the whole body
        body.end()


async def feed_async(
    source: AsyncIterator[bytes], observation: Observation, body: Body
) -> AsyncIterator[bytes]:
    """Yield the pieces of an asynchronous body, each of which its reader gets first."""
    with client_reading(observation, (GeneratorExit,)):
        async for piece in source:
            body.feed(piece)
            observation.inside = False
            yield piece
            observation.inside = True
        body.end()
