"""The registries as data: that of the conventions, and the one of our own which ships with the package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CONVENTIONS = Path(__file__).parent / "conventions"
OWN = ROOT / "src" / "callspan" / "semconv" / "registry.yaml"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its type, the values that a closed or open enum names, and where and when it may stand."""

    key: str
    type: str
    members: tuple[str, ...] = ()
    template: bool = False
    origin: str = "conventions"
    signals: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ("released", "latest")


@dataclass(frozen=True, slots=True)
class Signal:
    """A span type, metric, log event or span event, with the requirement level of each of its attributes."""

    name: str
    attributes: Mapping[str, str]
    origin: str = "conventions"
    kind: str = ""
    operation: str = ""
    unit: str = ""
    value_type: str = ""
    dialects: tuple[str, ...] = ("released", "latest")


@dataclass(slots=True)
class Registry:
    """All that may be emitted. `refinements` has what a provider adds to a span type or a metric."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    spans: dict[str, Signal] = field(default_factory=dict)
    metrics: dict[str, Signal] = field(default_factory=dict)
    events: dict[str, Signal] = field(default_factory=dict)
    span_events: dict[str, Signal] = field(default_factory=dict)
    refinements: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def attribute(self, key: str) -> Attribute | None:
        """The definition of a name, that of a template for the names made from it."""
        if key in self.attributes:
            return None if self.attributes[key].template else self.attributes[key]
        parent, _, last = key.rpartition(".")
        found = self.attributes.get(parent)
        return found if found is not None and found.template and last else None

    def governed(self, key: str) -> bool:
        """Whether the conventions list this attribute somewhere, so that their lists say where it may stand."""
        return any(
            key in signal.attributes
            for signal in (*self.spans.values(), *self.metrics.values(), *self.events.values())
            if signal.origin == "conventions"
        )

    def refined(self, signal: Signal, provider: Any) -> dict[str, str]:
        """The attributes of a signal with what the conventions of one provider add to it."""
        added = self.refinements.get((signal.name, str(provider)), {})
        return {
            **signal.attributes,
            **{key: level or signal.attributes.get(key, "") for key, level in added.items()},
        }


@cache
def own() -> Registry:
    """Our own registry alone."""
    registry = Registry()
    _add(registry, [yaml.safe_load(OWN.read_text())])
    return registry


@cache
def conventions() -> Registry:
    """Return the registry of the conventions alone.

    Raises:
        FileNotFoundError: There is none, so nothing can be checked; passing then would hide every fault.
    """
    model = CONVENTIONS / "model"
    files = sorted(model.glob("*/*.yaml"))
    if not files:
        raise FileNotFoundError(f"the registry of the conventions is not in {model}")
    registry = Registry()
    _add(registry, [yaml.safe_load(file.read_text()) for file in files])
    return registry


@cache
def everything() -> Registry:
    """Both registries as one."""
    registry = Registry()
    for part in (own(), conventions()):
        for name in Registry.__slots__:
            getattr(registry, name).update(getattr(part, name))
    return registry


def _add(registry: Registry, documents: list[dict[str, Any]]) -> None:
    groups = {
        group["id"]: group
        for document in documents
        for group in document.get("attribute_groups", ())
    }
    groups |= {
        f"span.{span['type']}": span for document in documents for span in document.get("spans", ())
    }
    for document in documents:
        for item in document.get("attributes", ()):
            registry.attributes[item["key"]] = _attribute(item)
        for section in ("spans", "metrics", "events", "span_events"):
            for item in document.get(section, ()):
                signal = _signal(item, groups)
                getattr(registry, section)[signal.name] = signal
        for item in (
            *document.get("span_refinements", ()),
            *document.get("metric_refinements", ()),
        ):
            key = (item["ref"], _provider(item["id"]))
            registry.refinements[key] = _levels(item.get("attributes", ()), groups)
        registry.values.update(
            {item["ref"]: tuple(item["members"]) for item in document.get("values", ())}
        )


def _provider(refinement: str) -> str:
    """The provider that a refinement is for, by the beginning of its id; none for those of tool spans."""
    prefixes = {"openai.": "openai", "anthropic.": "anthropic", "azure.ai.": "azure.ai.inference"}
    prefixes |= {"aws.bedrock.": "aws.bedrock", "mistral_ai.": "mistral_ai"}
    return next(
        (name for prefix, name in prefixes.items() if refinement.startswith(prefix)), refinement
    )


def _attribute(item: Mapping[str, Any]) -> Attribute:
    kind = item["type"]
    members = tuple(member["value"] for member in kind["members"]) if isinstance(kind, dict) else ()
    text = "string" if isinstance(kind, dict) else str(kind)
    template = text.startswith("template[")
    return Attribute(
        key=item["key"],
        type=text[len("template[") : -1] if template else text,
        members=members,
        template=template,
        origin=item.get("origin", "conventions"),
        signals=tuple(item.get("signals", ())),
        dialects=tuple(item.get("dialects", ("released", "latest"))),
    )


def _signal(item: Mapping[str, Any], groups: Mapping[str, Any]) -> Signal:
    return Signal(
        name=item.get("name") if isinstance(item.get("name"), str) else item["type"],
        attributes=_levels(item.get("attributes", ()), groups),
        origin=item.get("origin", "conventions"),
        kind=item.get("kind") or item.get("instrument") or "",
        operation=item.get("operation", ""),
        unit=item.get("unit", ""),
        value_type=item.get("annotations", {})
        .get("code_generation", {})
        .get("metric_value_type", ""),
        dialects=tuple(item.get("dialects", ("released", "latest"))),
    )


def _levels(refs: Iterable[Mapping[str, Any]], groups: Mapping[str, Any]) -> dict[str, str]:
    """Each attribute with its requirement level, empty where none is stated; a later one overrides it."""
    found: dict[str, str] = {}
    for item in refs:
        if "ref_group" in item:
            found.update(_levels(groups[item["ref_group"]].get("attributes", ()), groups))
        else:
            stated = _level(item.get("requirement_level"))
            found[item["ref"]] = stated or found.get(item["ref"], "")
    return found


def _level(stated: Any) -> str:
    """`required`, `recommended` and so on; with a condition, the level and the word `when`."""
    if isinstance(stated, dict):
        return f"{next(iter(stated))} when"
    return stated or ""
