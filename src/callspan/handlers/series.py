"""The attributes under which metrics are recorded, kept ready, and bounded so that no name can flood a backend."""

from __future__ import annotations

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
        self._kept: dict[Any, Known] = {}
        self._seen: dict[str, set[Any]] = {}

    def asked(self, call: Call) -> Known:
        """What is known when a call begins."""
        key = (call.identity, (), self._wanted(call))
        return self._kept.get(key) or self._keep(key, attributes.identity(call), call)

    def answered(self, call: Call, response: Response) -> Known:
        """What is known when it has ended."""
        if not response.details:
            return self.chunks(call, response)
        tier, fingerprint = response.details.get("service_tier"), response.details.get("system_fingerprint")
        key = (call.identity, (response.model, tier, fingerprint), self._wanted(call))
        return self._kept.get(key) or self._keep(key, _described(call, response, tier, fingerprint), call)

    def chunks(self, call: Call, response: Response) -> Known:
        """The same for times of chunks, which say nothing of tier and fingerprint."""
        key = (call.identity, response.model, self._wanted(call))
        return self._kept.get(key) or self._keep(key, _described(call, response), call)

    def _wanted(self, call: Call) -> Any:
        """The values of the user's dimensions."""
        return tuple(map(call.attributes.get, self._dimensions)) if self._dimensions and call.attributes else None

    def _keep(self, key: Any, found: Attributes, call: Call) -> Known:
        if len(self._kept) >= KNOWN_SERIES:
            self._kept.clear()
        known = self._kept[key] = Known(self._bounded(found, call))
        return known

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
