"""Reads from the stack whether a reader that leaves a loop over a stream has stopped."""

from __future__ import annotations

import sys
from types import FrameType

_HELPERS = ".lib.streaming"


def comes_back() -> bool:
    """Whether the reader may go on reading although its loop over the stream was left.

    The loop may stand in an iterator's own step, as in LiteLLM, which loops anew for each of its
    steps (tests/frameworks/litellm). Or it stands in a client's helper for streams, which leaves
    it by an exception of its own, or as the helper is left. Closing or dropping the stream ends
    the call then.
    """
    # frame 1 is the iterator that is being left; the frame behind it is the code that dropped it
    frame = sys._getframe(1).f_back
    if frame is None:
        return False
    # by the name alone: such a function is an iterator's step, whoever has written it
    return frame.f_code.co_name in ("__next__", "__anext__") or _is_helper(frame)


def _is_helper(frame: FrameType) -> bool:
    """Whether code is that of a helper for streams, in openai's or anthropic's `lib.streaming`."""
    return _HELPERS in str(frame.f_globals.get("__name__"))


def raised_in_helper(error: Exception) -> bool:
    """Whether a client's helper for streams raised an exception as it could not parse an item."""
    trace = error.__traceback__
    # the whole traceback: a helper parses by calling others, such as pydantic
    while trace is not None:
        if _is_helper(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False
