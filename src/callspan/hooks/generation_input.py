"""The input of transformers' `generate`: token numbers in tensors, and what bounds the answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from callspan.formats.transformers.sequences import Limits, prompt_size
from callspan.hooks.client_types import Args, ClientObject, Kwargs

_OTHER_STOPS = ("stop_strings", "stopping_criteria", "max_time")


class GenerationInput:
    """What one `generate` was given; read after it, as some tensors lie on another device.

    Args:
        model: The model.
        args: Its positional arguments.
        kwargs: Its named arguments.
    """

    def __init__(self, model: ClientObject, args: Args, kwargs: Kwargs) -> None:
        self._model = model
        self._kwargs = kwargs
        self._tokens = args[0] if args else kwargs.get("inputs")
        if self._tokens is None:
            self._tokens = kwargs.get("input_ids")
        self._vectors = kwargs.get("inputs_embeds")
        self._config = args[1] if len(args) > 1 else kwargs.get("generation_config")
        self._has_encoder = bool(getattr(model.config, "is_encoder_decoder", False))

    @cached_property
    def limits(self) -> Limits:
        """What ends the answers, and what fills them up."""
        most = self._setting("max_new_tokens")
        if most is None and self._setting("max_length") is not None:
            most = self._setting("max_length") - self.width
        has_other_stops = any(self._setting(name) is not None for name in _OTHER_STOPS)
        return Limits(
            _numbers(self._setting("eos_token_id")),
            self._setting("pad_token_id"),
            most,
            has_other_stops,
        )

    @property
    def width(self) -> int:
        """The number of tokens before the answer in each sequence that comes back."""
        if self._has_encoder:
            return self._decoder_width()
        if self._tokens is not None:
            return self._tokens.shape[-1]
        # for vectors only the answer comes back; without any input there is a start token
        return 1 if self._vectors is None else 0

    @property
    def size(self) -> int | None:
        """The number of tokens of all prompts, without padding; `None` if it is not known."""
        mask = self._mask()
        if mask is not None:
            return int(mask.sum())
        if self._tokens is not None:
            return sum(prompt_size(prompt, self.limits) for prompt in self._tokens.tolist())
        if self._vectors is not None:
            return self._vectors.shape[0] * self._vectors.shape[1]
        return None if self._has_encoder else 1

    @property
    def prompts(self) -> list[Sequence[int]]:
        """The tokens of each prompt, without padding."""
        if self._tokens is None:
            return []
        rows = self._tokens.tolist()
        mask = self._mask()
        if mask is None:
            return rows
        prompts: list[Sequence[int]] = []
        for row, marks in zip(rows, mask.tolist(), strict=True):
            prompts.append([token for token, mark in zip(row, marks, strict=True) if mark])
        return prompts

    def _mask(self) -> Any:
        """Return the mask of the padding, if it is one of the prompts alone."""
        mask = self._kwargs.get("attention_mask")
        source = self._vectors if self._tokens is None else self._tokens
        # with a cache that the app goes on from, it is longer than the input
        if mask is None or source is None or mask.shape[:2] != source.shape[:2]:
            return None
        return mask

    def _decoder_width(self) -> int:
        tokens = self._kwargs.get("decoder_input_ids")
        if tokens is None:
            return 1
        start = self._setting("decoder_start_token_id")
        # the package puts it in front of what does not begin with it
        has_start = start is None or tokens[0][0].item() in _numbers(start)
        return tokens.shape[-1] + (0 if has_start else 1)

    def _setting(self, name: str) -> Any:
        """Return a setting: an argument, else one of the configuration, else the model's own."""
        value = self._kwargs.get(name)
        for source in (self._config, getattr(self._model, "generation_config", None)):
            if value is None:
                value = getattr(source, name, None)
        return value


def _numbers(value: Any) -> Collection[int]:
    """Return token numbers that are given as one, as several or as none."""
    if value is None:
        return ()
    # a tensor too
    if hasattr(value, "tolist"):
        value = value.tolist()
    return (value,) if isinstance(value, int) else tuple(value)
