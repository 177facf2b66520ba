"""Token counts of models that make vectors in the program, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from callspan.hooks.calls import observation_of
from callspan.hooks.client_types import ClientObject, Function, Result
from callspan.lifecycle.answers import read_note
from callspan.lifecycle.observation import Observation, active
from callspan.runtime import guard

CountTokens = Callable[[Result], "int | None"]
"""Returns the tokens of one batch, without padding; `None` if they are not known."""

_reader: ContextVar[Observation | None] = ContextVar("callspan-vectors", default=None)
"""The observation of the generator whose next vector is being made in this context."""


def own_vectors(name: str) -> Observation | None:
    """Return the observation of the call of the client of this name that is made here, if any."""
    return observation_of(name, _reader.get())


def within_batch(
    name: str, count_tokens: CountTokens
) -> Callable[[Function, ClientObject], Function]:
    """Return what stands around a function that handles one batch, and adds its tokens to the call.

    Args:
        name: The name of the client.
        count_tokens: Counts the tokens by what the function returns.
    """

    def within(wrapped: Function, _owner: ClientObject) -> Function:
        def call(*args: Any, **kwargs: Any) -> Result:
            result = wrapped(*args, **kwargs)
            observation = own_vectors(name)
            if observation is not None:
                _add(observation, count_tokens, result)
            return result

        return call

    return within


def _add(observation: Observation, count_tokens: CountTokens, result: Result) -> None:
    try:
        tokens = count_tokens(result)
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its vectors
        guard.report("counting the tokens of a batch", error)
        return
    if tokens is None:
        return
    usage = observation.call.response.usage
    if usage is not None:
        tokens += usage.input or 0
    read_note(observation, {"usage": {"prompt_tokens": tokens}})


def within_generator(wrapped: Function, _owner: ClientObject) -> Function:
    """Return a function with a generator of vectors, each step of which knows its observation."""

    def call(*args: Any, **kwargs: Any) -> Result:
        return _steps(wrapped(*args, **kwargs))

    return call


def _steps(source: Iterator[Any]) -> Iterator[Any]:
    # by now the call has begun: this is the first step of the generator
    observation = active.get()
    while True:
        token = _reader.set(observation)
        try:
            item = next(source)
        except StopIteration:
            return
        finally:
            # before the item goes to the reader, whose code must not run as part of the call
            _reader.reset(token)
        yield item
