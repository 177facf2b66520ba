"""Whether telemetry that clients and frameworks make by themselves is muted where ours replaces it.

`policy` is set by `instrument()`, and read wherever native telemetry would begin.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from callspan.events import Call, Response


def _no() -> bool:
    return False


@dataclass(slots=True)
class Policy:
    """The native telemetry that is muted now.

    Attributes:
        spans: Whether a client's own span gives way where its call has a span of ours.
        metrics: Whether a framework's own metrics give way to ours of the same names.
        content: Returns whether a framework's own spans would export content though ours do not.
    """

    spans: bool = False
    metrics: bool = False
    content: Callable[[], bool] = _no

    def mute(self, content: Callable[[], bool]) -> None:
        """Mute native telemetry from now on."""
        self.spans = self.metrics = True
        self.content = content

    def keep(self) -> None:
        """Leave native telemetry as it is from now on."""
        self.spans = self.metrics = False
        self.content = _no


# changed and never replaced, as the modules of frameworks import the object itself
policy = Policy()
# in the context, as a framework records its metric where its call has just ended
_latest: ContextVar[tuple[str, ...]] = ContextVar("callspan-latest-models", default=())


class LatestCall:
    """A handler that remembers, in the current context, which models our metrics have counted."""

    needs_text = False

    def on_start(self, call: Call) -> None:
        """Remember the requested model: a stream that is left may end in another context."""
        _latest.set((call.model,) if call.model else ())

    def on_end(self, call: Call, response: Response) -> None:
        """Remember the requested model and the one that answered."""
        _latest.set(tuple(model for model in (call.model, response.model) if model))

    def on_error(self, call: Call, error: BaseException) -> None:
        """Remember the models of a call that failed."""
        self.on_end(call, call.response)


def is_counted(model: object) -> bool:
    """Whether our metrics have counted the latest call in this context, and it was of this model.

    Frameworks write the provider before a model's name (`openai/gpt-4.1`). Where a framework names
    no model, any call counts.
    """
    # a call that is wrongly taken for ours would be in no metric, so the name has to agree
    models = _latest.get()
    if not isinstance(model, str):
        return bool(models)
    return any(_is_same_model(model, name) for name in models)


def _is_same_model(one: str, other: str) -> bool:
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
