"""One attribute wherever it stands: its name, its place and the type of its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from .expectations import Expectations
from .finding import Finding
from .registry import Attribute
from .rules import LATEST_ONLY, RELEASED_ONLY, RELEASED_TYPES, broken


def check_attributes(
    expect: Expectations,
    signal: str,
    place: str,
    allowed: Mapping[str, str] | None,
    found: Mapping[str, Any],
) -> Iterator[Finding]:
    """All attributes of one signal. `allowed` lists those of its kind; with `None` any known one may stand."""
    for key, value in found.items():
        definition = expect.registry.attribute(key)
        if definition is None:
            yield broken("name.unknown", signal, key, value)
            continue
        yield from _check_name(expect, signal, place, allowed, (key, definition))
        if key in RELEASED_TYPES and expect.chosen(("released",)):
            definition = replace(definition, type=RELEASED_TYPES[key])
        if not _fits(definition, value):
            yield broken("value.type", signal, key, value)
        known = definition.members + expect.registry.values.get(key, ())
        if known and key != "error.type" and value not in known:
            yield broken("value.enum", signal, key, value)


def _check_name(
    expect: Expectations,
    signal: str,
    place: str,
    allowed: Mapping[str, str] | None,
    named: tuple[str, Attribute],
) -> Iterator[Finding]:
    key, definition = named
    dialects = ("latest",) if key in LATEST_ONLY else definition.dialects
    if key in RELEASED_ONLY:
        dialects = ("released",)
    if not expect.chosen(dialects):
        yield broken("name.dialect", signal, key, expect.semconv)
    if allowed is None or key in allowed or definition.key in allowed:
        return
    if place == "metric":
        yield broken("metric.attribute", signal, key, place)
    elif expect.registry.governed(definition.key) or place not in definition.signals:
        yield broken("name.place", signal, key, place)


def _fits(definition: Attribute, value: Any) -> bool:
    if definition.type == "any":
        return True  # what content must look like is a matter of its own
    if definition.type.endswith("[]"):
        single = definition.type[:-2]
        return isinstance(value, list | tuple) and all(_is(single, item) for item in value)
    return _is(definition.type, value)


def _is(kind: str, value: Any) -> bool:
    types = {"string": str, "int": int, "double": float, "boolean": bool}
    return type(value) is types[kind]
