"""The attributes under which metrics are recorded, kept ready, and bounded so that no name can flood a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.events import Call, Response
from callspan.semconv import attributes, names
from callspan.semconv.attributes import Attributes
from callspan.settings import Settings

KNOWN_SERIES = 1000
"""Distinct sets of attributes kept ready."""
VALUES = 200
"""Distinct models, and values of each of the user's dimensions, with series of their own; the SDK has 2,000 in all."""
OTHER = "_other"
_BOUNDED = (names.REQUEST_MODEL, names.RESPONSE_MODEL)


class Known(dict[str, Any]):
    """One set of attributes, with those that have one more of a few values kept ready beside it."""

    __slots__ = ("_more",)

    def __init__(self, found: Attributes) -> None:
        super().__init__(found)
        self._more: dict[tuple[str, str], Attributes] = {}

    def plus(self, name: str, value: str) -> Attributes:
        """These with one more, of whose values there are few."""
        found = self._more.get((name, value))
        if found is None:
            found = self._more[name, value] = {**self, name: value}
        return found


class Series:
    """The sets of attributes of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._dimensions = tuple(map(attributes.label, settings.metric_dimensions))
        self._kept_ready: dict[Any, Known] = {}
        self._seen: dict[str, set[Any]] = {}

    def asked(self, call: Call) -> Known:
        """What is known when a call begins."""
        return self._kept(call, (), lambda: attributes.identity(call))

    def answered(self, call: Call, response: Response) -> Known:
        """What is known when it has ended."""
        details = response.details
        if not details:
            return self._kept(call, response.model, lambda: _described(call, response))
        tier, fingerprint = details.get("service_tier"), details.get("system_fingerprint")
        return self._kept(
            call, (response.model, tier, fingerprint), lambda: _described(call, response, tier, fingerprint)
        )

    def chunks(self, call: Call, response: Response) -> Known:
        """The same for times of chunks, which say nothing of tier and fingerprint."""
        return self._kept(call, response.model, lambda: _described(call, response))

    def _kept(self, call: Call, more: Any, make: Callable[[], Attributes]) -> Known:
        dimensions = self._dimensions and call.attributes and tuple(map(call.attributes.get, self._dimensions))
        key = (call.identity, more, dimensions) if dimensions else (call.identity, more)
        found = self._kept_ready.get(key)
        if found is None:
            if len(self._kept_ready) >= KNOWN_SERIES:
                self._kept_ready.clear()
            found = self._kept_ready[key] = Known(self._bounded(make(), call))
        return found

    def _bounded(self, found: Attributes, call: Call) -> Attributes:
        """With the user's dimensions; what comes after the first values of a name is `_other`."""
        for name in self._dimensions:
            if name in call.attributes:
                found[name] = call.attributes[name]
        for name in (*_BOUNDED, *self._dimensions):
            if name in found:
                seen = self._seen.setdefault(name, set())
                if found[name] not in seen and len(seen) >= VALUES:
                    found[name] = OTHER
                else:
                    seen.add(found[name])
        return found


def _described(call: Call, response: Response, tier: Any = None, fingerprint: Any = None) -> Attributes:
    found = attributes.identity(call)
    if response.model:
        found[names.RESPONSE_MODEL] = response.model
    if call.provider == "openai":
        found.update(
            {name: value for name, value in ((names.SERVICE_TIER, tier), (names.FINGERPRINT, fingerprint)) if value}
        )
    return found
