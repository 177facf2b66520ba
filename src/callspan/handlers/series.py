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


class Series:
    """The sets of attributes of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._dimensions = tuple(map(attributes.label, settings.metric_dimensions))
        self._kept_ready: dict[Any, Attributes] = {}
        self._seen: dict[str, set[Any]] = {}

    def asked(self, call: Call) -> Attributes:
        """What is known when a call begins."""
        return self._kept(self._key(call), call, lambda: attributes.identity(call))

    def answered(self, call: Call, response: Response) -> Attributes:
        """What is known when it has ended."""
        tier, fingerprint = response.details.get("service_tier"), response.details.get("system_fingerprint")
        key = (*self._key(call), response.model, tier, fingerprint)
        return self._kept(key, call, lambda: _described(call, response, tier, fingerprint))

    def chunks(self, call: Call, response: Response) -> Attributes:
        """The same for times of chunks, which say nothing of tier and fingerprint."""
        key = (*self._key(call), response.model, "chunk")
        return self._kept(key, call, lambda: _described(call, response, None, None))

    def _key(self, call: Call) -> tuple[Any, ...]:
        key = (call.operation, call.provider, call.model, call.server_address, call.server_port)
        if not self._dimensions or not call.attributes:
            return key
        return (*key, *(call.attributes.get(name) for name in self._dimensions))

    def _kept(self, key: Any, call: Call, make: Callable[[], Attributes]) -> Attributes:
        found = self._kept_ready.get(key)
        if found is None:
            if len(self._kept_ready) >= KNOWN_SERIES:
                self._kept_ready.clear()
            found = self._kept_ready[key] = self._bounded(make(), call)
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


def _described(call: Call, response: Response, tier: Any, fingerprint: Any) -> Attributes:
    found = attributes.identity(call)
    if response.model:
        found[names.RESPONSE_MODEL] = response.model
    if call.provider == "openai":
        found.update(
            {name: value for name, value in ((names.SERVICE_TIER, tier), (names.FINGERPRINT, fingerprint)) if value}
        )
    return found
