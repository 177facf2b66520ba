"""Streams of Microsoft's clients for models, which leave out a chunk that has an error alone."""

from __future__ import annotations

from callspan.formats.bodies import parse_json
from callspan.formats.fields import get, get_first
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import follower_of
from callspan.runtime import guard


def read_block(wrapped: Function, stream: ClientObject, args: Args, kwargs: Kwargs) -> Result:
    """Wrap the parser of a stream's bytes: note the errors that it leaves out."""
    result = wrapped(*args, **kwargs)
    try:
        observation = follower_of(stream)
        block = args[0]
        if observation is not None and b'"error"' in block:
            for line in block.splitlines():
                _note_error(observation, parse_json(line.removeprefix(b"data: ")))
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its stream
        guard.report("looking at a block of a stream", error)
    return result


def _note_error(observation: Observation, chunk: object) -> None:
    if get(chunk, "error") and not get_first(chunk, "choices", "usage"):
        observation.chunk(chunk)
