"""What clients and frameworks record by themselves, and whether it is muted where ours stands for it.

`policy` is set by `instrument()`, and read wherever something native would begin.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


def _no() -> bool:
    return False


@dataclass(slots=True)
class Policy:
    """What is muted now.

    `spans` says whether a client's own span of a call gives way to ours. `metrics` says the same of a framework's own
    metrics of the names that ours have. `content` is asked whether a framework's own spans would take content out
    though ours does not.
    """

    spans: bool = False
    metrics: bool = False
    content: Callable[[], bool] = _no

    def mute(self, content: Callable[[], bool]) -> None:
        """Mute what is native, from now on."""
        self.spans = self.metrics = True
        self.content = content

    def keep(self) -> None:
        """Leave all that is native as it is, from now on."""
        self.spans = self.metrics = False
        self.content = _no


policy = Policy()
_latest: ContextVar[tuple[str, ...]] = ContextVar("callspan-latest-models", default=())


class LatestCall:
    """A handler that remembers, in the context in which a call ends, which model our metrics were recorded for."""

    needs_text = False

    def on_start(self, call: Any) -> None:
        """Remember the model that is asked: a stream that is left may end in another context."""
        _latest.set((call.model,) if call.model else ())

    def on_end(self, call: Any, response: Any) -> None:
        """Remember the models that were asked and that answered."""
        _latest.set(tuple(model for model in (call.model, response.model) if model))

    def on_error(self, call: Any, error: BaseException) -> None:
        """The same for a call that failed."""
        self.on_end(call, call.response)


def is_counted(model: Any) -> bool:
    """Whether the latest call here was of this model, and so stands in our metrics.

    Frameworks write the provider before a model's name (`openai/gpt-4.1`); for those that name none any call counts.
    """
    models = _latest.get()
    if not isinstance(model, str):
        return bool(models)
    return any(
        model == name or model.endswith(f"/{name}") or name.endswith(f"/{model}") for name in models
    )
