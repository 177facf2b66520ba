"""The attribute sets of metrics: kept ready between calls, and bounded to protect back ends.

A name that a program or a server chooses (a model, a fingerprint, an error code) may have any
number of values. The first of them have series of their own, the rest share `_other`; sums stay
whole. Spans keep every value (docs/decisions/0032).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from callspan.events import Call, Response
from callspan.semconv import attributes, names
from callspan.semconv.attributes import Attributes
from callspan.semconv.conventions import CHOICES
from callspan.settings.settings import Settings

READY_SETS = 1000
"""Attribute sets kept ready; they are made anew when there are more."""
VALUES = 200
"""Values of one attribute with series of their own."""
DETAIL_VALUES = 20
"""Values of an attribute that only splits the series of a model further."""
SETS = 900
"""Attribute sets of one kind with series of their own.

The SDK takes 2,000 of an instrument, with two token types for each set, and beyond them drops all
attributes: tokens would be counted without their type.
"""
DETAILED_SETS = 600
"""How many of them may have details; the rest is left for models that come later."""
LARGER_SETS: dict[tuple[str, ...], int] = {(names.ERROR_TYPE,): 900}
"""Limits of attribute sets with more attributes than the call's, by the names of these attributes.

Sets with an error stand beside those without one, so they have half of the instrument's series.
"""
MOST_LARGER_SETS = 1800
"""The limit of all other larger sets."""
OTHER = "_other"
OTHER_ERROR = "_OTHER"
"""The conventions' own value for an error without a name of its own."""
_DETAILS = frozenset({names.SERVICE_TIER, names.FINGERPRINT})
_SERVER = frozenset({names.SERVER_ADDRESS, names.SERVER_PORT})
_CLOSED = frozenset(
    {
        names.OPERATION,
        names.OUTCOME,
        names.TOKEN_TYPE,
        names.TOKEN_MODALITY,
        names.OWN_TOKEN_TYPE,
        names.OWN_TOKEN_MODALITY,
        names.USAGE_SOURCE,
        names.BUDGET_UNIT,
        names.COST_UNKNOWN,
    }
)
"""Attributes whose values are all written in callspan's code; each other attribute is bounded."""


class AttributeSet(dict[str, Any]):
    """One attribute set of a call.

    The larger sets, with the token type or the error besides, are kept ready with it, so that no
    record has to build a dictionary.
    """

    __slots__ = ("_bounds", "_kind", "_larger", "_rest")

    def __init__(self, values: Attributes, bounds: Bounds, kind: str, rest: Attributes) -> None:
        super().__init__(values)
        self._bounds = bounds
        self._kind = kind
        self._rest = rest
        self._larger: dict[Any, Attributes] = {}

    def plus(self, name: str, value: Any) -> Attributes:
        """Return this set with one more attribute."""
        # two threads may make the same set, of which the later stays: they are equal
        larger = self._larger.get((name, value))
        if larger is None:
            larger = self._keep((name, value), {name: value})
        return larger

    def plus_all(self, more: Attributes) -> Attributes:
        """Return this set with several more attributes."""
        if not more:
            return self
        key = tuple(more.items())
        return self._larger.get(key) or self._keep(key, more)

    def _keep(self, key: Any, more: Attributes) -> Attributes:
        if len(self._larger) >= READY_SETS:
            self._larger.clear()
        larger = self._larger[key] = self._bounds.larger(self, self._rest, self._kind, more)
        return larger


class Bounds:
    """The values and the attribute sets that have series of their own so far.

    Threads may add at the same moment; the few sets too many fit below the SDK's limit.
    """

    def __init__(self) -> None:
        self._values: dict[str, set[Any]] = {}
        self._sets: dict[Any, set[frozenset[Any]]] = {}

    def attribute_set(self, values: Attributes, kind: str) -> AttributeSet:
        """Return the bounded attribute set for some values.

        Args:
            values: The attributes.
            kind: The name of the sets that share one limit.
        """
        bounded = self._bounded(values)
        # made in any case: each larger set of this one may have to fall back to it
        rest = _without(bounded, frozenset(bounded) - _CLOSED)
        has_details = not _DETAILS.isdisjoint(bounded)
        # fingerprints leave room for models that come later (tests/test_metric_bounds.py)
        limit = DETAILED_SETS if has_details else SETS
        if self._has_room(bounded, kind, limit):
            return AttributeSet(bounded, self, kind, rest)
        # too many: first without the details, then with `_other` for each name that was chosen
        coarse = _without(bounded, _DETAILS)
        if self._has_room(coarse, kind, SETS):
            return AttributeSet(coarse, self, kind, rest)
        return AttributeSet(rest, self, kind, rest)

    def larger(self, base: Attributes, rest: Attributes, kind: str, more: Attributes) -> Attributes:
        """Return an attribute set with more attributes, coarser where there are too many sets."""
        bounded = self._bounded(more)
        larger = {**base, **bounded}
        added = tuple(more)
        limit = LARGER_SETS.get(added, MOST_LARGER_SETS)
        if self._has_room(larger, (kind, added), limit):
            return larger
        return {**rest, **_without(bounded, frozenset(bounded) - _CLOSED)}

    def _has_room(self, values: Attributes, kind: Any, limit: int) -> bool:
        sets = self._sets.setdefault(kind, set())
        # the order of the attributes does not make another series
        key = frozenset(values.items())
        if key in sets:
            return True
        if len(sets) >= limit:
            return False
        sets.add(key)
        return True

    def _bounded(self, values: Attributes) -> Attributes:
        """Return the values, with the one for the rest in place of each that came too late."""
        late: list[str] = []
        for name, value in values.items():
            if name not in _CLOSED and not self._is_early(name, value):
                late.append(name)
        if late:
            return _without(values, late)
        return values

    def _is_early(self, name: str, value: Any) -> bool:
        """Whether a value is among the first of its attribute."""
        values = self._values.setdefault(name, set())
        if value in values:
            return True
        limit = DETAIL_VALUES if name in _DETAILS else VALUES
        if len(values) >= limit:
            return False
        values.add(value)
        return True


def _without(values: Attributes, late: Iterable[str]) -> Attributes:
    """Return the values with those of some attributes replaced by the one for the rest.

    A server is left off instead: no number stands for the rest of the ports, and the conventions
    want address and port, or none of them.
    """
    result = {**values}
    for name in late:
        if name in _SERVER:
            result.pop(names.SERVER_ADDRESS, None)
            result.pop(names.SERVER_PORT, None)
        elif name in result:
            result[name] = OTHER_ERROR if name == names.ERROR_TYPE else OTHER
    return result


class AttributeSets:
    """The attribute sets of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._dimensions = tuple(map(attributes.attribute_name, settings.metric_dimensions))
        # as on spans: an attribute has one value in all versions that are recorded
        self._needs_provider = CHOICES[settings.semconv][0].needs_provider
        self._ready: dict[Any, AttributeSet] = {}
        self._bounds = Bounds()

    def at_start(self, call: Call) -> AttributeSet:
        """Return the attribute set of a call that begins."""
        # an empty tuple stands for the answer, which is a model or a tuple in the other keys
        key = (call.identity, (), self._variant(call))
        return self._ready.get(key) or self._keep(key, "asked", attributes.identity(call), call)

    def at_end(self, call: Call, response: Response) -> AttributeSet:
        """Return the attribute set of a call that has ended."""
        details = response.details
        if not details:
            # without details both sets are one, and one key less is made
            return self.of_chunks(call, response)
        tier = details.get("service_tier")
        fingerprint = details.get("system_fingerprint")
        answer = (response.model, tier, fingerprint)
        key = (call.identity, answer, self._variant(call))
        ready = self._ready.get(key)
        if ready is None:
            ready = self._keep(key, "answered", _describe(call, *answer), call)
        return ready

    def of_chunks(self, call: Call, response: Response) -> AttributeSet:
        """Return the attribute set for times of chunks, without service tier and fingerprint."""
        key = (call.identity, response.model, self._variant(call))
        ready = self._ready.get(key)
        if ready is None:
            ready = self._keep(key, "answered", _describe(call, response.model), call)
        return ready

    def _variant(self, call: Call) -> tuple[Any, ...] | None:
        """Return in what calls of one identity differ.

        These are the attributes in the setting `metric_dimensions`, and the framework that stands
        for a provider.
        """
        # `None` in the usual case, so that the key of each call costs no tuple
        values: tuple[Any, ...] | None = None
        if self._dimensions and call.attributes:
            values = tuple(map(call.attributes.get, self._dimensions))
        if call.provider:
            return values
        return (values, attributes.own_provider(call, self._needs_provider))

    def _keep(self, key: Any, kind: str, values: Attributes, call: Call) -> AttributeSet:
        if len(self._ready) >= READY_SETS:
            self._ready.clear()
        for name in self._dimensions:
            if name in call.attributes:
                values[name] = call.attributes[name]
        provider = attributes.own_provider(call, self._needs_provider)
        if provider is not None:
            values[names.PROVIDER] = provider
        ready = self._ready[key] = self._bounds.attribute_set(values, kind)
        return ready


def _describe(
    call: Call, model: str | None, tier: Any = None, fingerprint: Any = None
) -> Attributes:
    """Return the attributes of a call and its answer; tier and fingerprint are OpenAI's alone."""
    values = attributes.identity(call)
    if model:
        values[names.RESPONSE_MODEL] = model
    if call.provider == "openai":
        if tier:
            values[names.SERVICE_TIER] = tier
        if fingerprint:
            values[names.FINGERPRINT] = fingerprint
    return values
