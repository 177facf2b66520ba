"""Token counts of llama-cpp-python's streams, which state none: the tokens are counted as they come."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary, ref

from callspan.hooks.calls import observation_of
from callspan.hooks.client_types import ClientObject, Function, Result
from callspan.lifecycle.answers import read_note
from callspan.lifecycle.observation import Observation

LLAMA_CPP_NAME = "llama_cpp"


class _Counts:
    """The tokens of one stream so far."""

    def __init__(self, observation: Observation) -> None:
        # weak, as an observation may refer to the model, which these counts must not keep
        self._observation = ref(observation)
        self._input = 0
        self._output = 0

    @property
    def observation(self) -> Observation | None:
        """The observation of the stream; `None` once it has ended and nobody else keeps it."""
        observation = self._observation()
        if observation is None or observation.ended:
            return None
        return observation

    def follow(self, tokens: Iterator[int], prompt: int, model: ClientObject) -> Iterator[int]:
        """Yield the tokens of an answer, and count those before its end."""
        self._input += prompt
        is_end = sys.modules["llama_cpp"].llama_vocab_is_eog
        for token in tokens:
            # not counted by the package either, where it states a count
            if not is_end(model._model.vocab, token):
                self._output += 1
            # told at once, as a reader may leave at any time
            usage = {"prompt_tokens": self._input, "completion_tokens": self._output}
            observation = self.observation
            if observation is not None:
                read_note(observation, {"usage": usage, "choices": []})
            yield token


# by the model, as it generates while the reader's code runs, in no context of ours; it does one
# thing at a time
_counts: WeakKeyDictionary[Any, _Counts] = WeakKeyDictionary()


def within_request(wrapped: Function, model: ClientObject) -> Function:
    """Return a model's function that answers a request, and counts the tokens if it streams."""

    def call(*args: Any, **kwargs: Any) -> Result:
        observation = observation_of(LLAMA_CPP_NAME)
        if observation is not None and observation.call.stream:
            counts = _counts.get(model)
            # a chat asks for a completion, or for several
            if counts is None or counts.observation is not observation:
                _counts[model] = _Counts(observation)
        return wrapped(*args, **kwargs)

    return call


def within_generate(wrapped: Function, model: ClientObject) -> Function:
    """Return the model's function that generates tokens one by one, for a stream that counts them."""

    def call(*args: Any, **kwargs: Any) -> Result:
        tokens = wrapped(*args, **kwargs)
        counts = _counts.get(model)
        if counts is None or counts.observation is None:
            return tokens
        prompt: Sequence[int] = args[0] if args else kwargs["tokens"]
        return counts.follow(tokens, len(prompt), model)

    return call
