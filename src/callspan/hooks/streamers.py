"""Objects of an app to which transformers hands each token as soon as it is generated."""

from __future__ import annotations

from typing import Any

from callspan.accounting.budgets import BudgetExceeded
from callspan.hooks.client_types import ClientObject
from callspan.lifecycle.observation import Observation
from callspan.runtime import guard


class FollowedStreamer:
    """Stands before an app's streamer, and tells an observation of each token.

    Args:
        streamer: The app's object, which gets all that it would get without us.
        observation: The observation.
        tokenizer: Makes text of tokens; `None` if the app has given none.
        index: The number of the answer that is streamed.

    Attributes:
        text: The text that was told so far.
    """

    def __init__(
        self,
        streamer: ClientObject,
        observation: Observation,
        tokenizer: ClientObject,
        index: int,
    ) -> None:
        self.text = ""
        self._streamer = streamer
        self._observation = observation
        self._tokenizer = tokenizer
        self._index = index
        self._tokens: list[int] = []
        # places in the list of tokens: where a piece begins to be decoded, and where it is new
        self._start = 0
        self._new = 0
        self._answers: int | None = None

    def put(self, value: ClientObject) -> Any:
        """Pass on tokens; the first ones are the prompt's."""
        try:
            self._follow(value)
        except BudgetExceeded:
            # a budget stops the call here, as it stops any stream
            raise
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its tokens
            guard.report("following a streamer", error)
        return self._streamer.put(value)

    def end(self) -> Any:
        """Pass on the end."""
        return self._streamer.end()

    # what some models ask of their own streamers
    def __getattr__(self, name: str) -> Any:
        return getattr(self._streamer, name)

    def _follow(self, value: ClientObject) -> None:
        if self._answers is None:
            self._answers = value.shape[0] if len(value.shape) > 1 else 1
            return
        pieces: list[dict[str, Any]] = []
        # tokens of several answers come together, and only their time is told
        if self._answers == 1 and self._tokenizer is not None:
            self._tokens += value.reshape(-1).tolist()
            piece = self._next_piece()
            pieces = [{"index": self._index, "text": piece, "finish_reason": None}]
        self._observation.chunk({"answers": pieces})

    def _next_piece(self) -> str:
        """Return the text that the latest tokens add, empty while a character lacks its rest."""
        # with the tokens before, as the text of a token depends on them, by spaces for example
        before = self._decode(self._tokens[self._start : self._new])
        text = self._decode(self._tokens[self._start :])
        if len(text) <= len(before) or text.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._start = self._new
        self._new = len(self._tokens)
        piece = text[len(before) :]
        self.text += piece
        return piece

    def _decode(self, tokens: list[int]) -> str:
        return self._tokenizer.decode(tokens, skip_special_tokens=True)
