"""Text that a model of transformers generates in the program, followed while it is made.

A call is what the app calls: a pipeline, whose model generates once for each batch of prompts, or
`generate` itself. A model that helps another one to generate is part of that one's call.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from callspan.formats.openai.completions import content
from callspan.formats.transformers.sequences import finish_reason, without_padding
from callspan.hooks.calls import observation_of
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.generation_input import GenerationInput
from callspan.hooks.streamers import FollowedStreamer
from callspan.lifecycle.answers import read_answer
from callspan.lifecycle.observation import Observation
from callspan.runtime import guard

TRANSFORMERS_NAME = "transformers"

_generation: ContextVar[_Generation | None]
"""What is generated for the call that is made in this context."""


def finish(observation: Observation, result: Result) -> Result:
    """End a call whose answers were read as they were generated."""
    observation.finish()
    return result


def within_pipeline(wrapped: Function, pipeline: ClientObject) -> Function:
    """Return a pipeline's function that takes down what its model generates."""

    def call(*args: Any, **kwargs: Any) -> Result:
        observation = observation_of(TRANSFORMERS_NAME)
        if observation is None or _generation.get() is not None:
            return wrapped(*args, **kwargs)
        token = _generation.set(_Generation(observation, getattr(pipeline, "tokenizer", None)))
        try:
            return wrapped(*args, **kwargs)
        finally:
            _generation.reset(token)

    return call


def within_generate(wrapped: Function, model: ClientObject) -> Function:
    """Return a model's function `generate` that takes down what it generates."""

    def call(*args: Any, **kwargs: Any) -> Result:
        observation = observation_of(TRANSFORMERS_NAME)
        if observation is None:
            return wrapped(*args, **kwargs)
        generation = _generation.get()
        if generation is None:
            generation = _Generation(observation, _tokenizer(kwargs))
        elif generation.is_generating:
            # a smaller model that drafts what this one checks
            return wrapped(*args, **kwargs)
        return generation.generate(wrapped, model, args, kwargs)

    return call


def _tokenizer(kwargs: Kwargs) -> ClientObject:
    """Return the tokenizer that the app has given to `generate`, which needs none by itself."""
    tokenizer = kwargs.get("tokenizer")
    if tokenizer is not None:
        return tokenizer
    return getattr(kwargs.get("streamer"), "tokenizer", None)


class _Generation:
    """The answers to one call so far.

    Attributes:
        is_generating: Whether the call's own model is at work at this moment.
    """

    def __init__(self, observation: Observation, tokenizer: ClientObject) -> None:
        self.is_generating = False
        self._observation = observation
        self._tokenizer = tokenizer
        self._input_tokens: int | None = 0
        self._output_tokens = 0
        self._answers = 0

    def generate(
        self, wrapped: Function, model: ClientObject, args: Args, kwargs: Kwargs
    ) -> Result:
        """Let the model generate, and add the answers to the call."""
        streamer = None
        arguments = kwargs
        if kwargs.get("streamer") is not None:
            streamer = FollowedStreamer(
                kwargs["streamer"], self._observation, self._tokenizer, self._answers
            )
            arguments = {**kwargs, "streamer": streamer}
        self.is_generating = True
        token = _generation.set(self)
        try:
            result = wrapped(*args, **arguments)
        finally:
            _generation.reset(token)
            self.is_generating = False
        try:
            self._add(GenerationInput(model, args, kwargs), result, streamer)
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
            guard.report("reading what a model has generated", error)
        return result

    def _add(
        self, source: GenerationInput, result: Result, streamer: FollowedStreamer | None
    ) -> None:
        sequences = getattr(result, "sequences", result)
        # another number of dimensions comes from functions that generate in a way of their own
        if sequences.dim() != 2:
            return
        limits = source.limits
        answers: list[dict[str, Any]] = []
        for sequence in sequences[:, source.width :].tolist():
            tokens = without_padding(sequence, limits)
            self._output_tokens += len(tokens)
            answer = {
                "index": self._answers,
                "text": self._rest_of_text(tokens, streamer),
                "finish_reason": finish_reason(tokens, limits),
            }
            answers.append(answer)
            self._answers += 1
        item: dict[str, Any] = {"answers": answers, "output_tokens": self._output_tokens}
        item["input_tokens"] = self._count_input(source)
        self._add_prompts(source)
        read_answer(self._observation, item)

    def _count_input(self, source: GenerationInput) -> int | None:
        size = source.size
        # one count that is not known leaves the sum unknown
        if size is None or self._input_tokens is None:
            self._input_tokens = None
        else:
            self._input_tokens += size
        return self._input_tokens

    def _rest_of_text(self, tokens: Sequence[int], streamer: FollowedStreamer | None) -> str:
        """Return the text of an answer, as far as it was not streamed."""
        if self._tokenizer is None or not self._observation.needs_text:
            return ""
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        if streamer is None:
            return text
        return text[len(streamer.text) :]

    def _add_prompts(self, source: GenerationInput) -> None:
        """Add the prompts to a call of `generate`, whose request has token numbers alone."""
        call = self._observation.call
        if self._tokenizer is None or call.capture is None or call.content.messages:
            return
        prompts = [
            self._tokenizer.decode(prompt, skip_special_tokens=True) for prompt in source.prompts
        ]
        call.update_content(lambda: content({"prompt": prompts}))


_generation = ContextVar("callspan-generation", default=None)
