"""The metrics of several processes as one: Prometheus families as plain data, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar

Family = dict[str, Any]
"""A family of Prometheus as JSON has it: name, type, help, unit, `adds_up`, and its samples."""
_Key = tuple[str, tuple[tuple[str, str], ...]]
_CUMULATIVE = ("counter", "histogram")
"""Types whose numbers count on when the process has ended."""


def plain_family(family: Any, adds_up: bool) -> Family:
    """Return a family of prometheus_client as plain data.

    Args:
        family: The family.
        adds_up: Whether the values of processes may be added up.
    """
    samples: list[Any] = []
    for sample in family.samples:
        exemplar = list(sample.exemplar) if sample.exemplar else None
        samples.append([sample.name, sample.labels, sample.value, exemplar])
    return {
        "name": family.name,
        "type": family.type,
        "help": family.documentation,
        "unit": family.unit,
        "adds_up": adds_up,
        "samples": samples,
    }


class Sums:
    """Adds up the families of processes."""

    def __init__(self) -> None:
        self._families: dict[tuple[str, str], Family] = {}
        self._values: dict[tuple[str, str], dict[_Key, list[Any]]] = {}

    def add_ended(self, families: Iterable[Family]) -> None:
        """Add the counts of a process that has ended; numbers such as those of running calls have ended with it."""
        for family in families:
            if family["adds_up"] and family["type"] in _CUMULATIVE:
                self._add(family)

    def add_running(self, families: Iterable[Family], labels: Mapping[str, str]) -> None:
        """Add the families of a process that runs.

        Args:
            families: Its families.
            labels: Labels for families that cannot be added up, so that each process has its own.
        """
        for family in families:
            if family["adds_up"]:
                self._add(family)
            elif family["type"] != "info":
                self._add(family, labels)
            elif (family["name"], "info") not in self._families:
                # `target_info`, of which two would be too many for a join
                self._add(family)

    def _add(self, family: Family, labels: Mapping[str, str] | None = None) -> None:
        key = family["name"], family["type"]
        self._families.setdefault(key, family)
        values = self._values.setdefault(key, {})
        for name, own_labels, value, exemplar in family["samples"]:
            all_labels = {**(labels or {}), **own_labels}
            series = name, tuple(sorted(all_labels.items()))
            sample = values.get(series)
            if sample is None:
                values[series] = [name, all_labels, value, exemplar]
                continue
            # the start of a sum is the start of its first part
            is_start = name.endswith("_created")
            sample[2] = min(sample[2], value) if is_start else sample[2] + value
            sample[3] = _newest(sample[3], exemplar)

    def plain(self) -> list[Family]:
        """Return the sums as plain data."""
        families: list[Family] = []
        for key, family in self._families.items():
            families.append({**family, "samples": list(self._values[key].values())})
        return families

    def collect(self) -> list[Metric]:
        """Return the sums as an encoder of prometheus_client calls for them."""
        return [_metric(family) for family in self.plain()]


def _newest(first: Any, second: Any) -> Any:
    """Return the later one of two exemplars, each a list of labels, value and time."""
    if first is None or second is None:
        return first or second
    return max(first, second, key=lambda exemplar: exemplar[2] or 0.0)


def _metric(family: Family) -> Metric:
    metric = Metric(family["name"], family["help"], family["type"], family["unit"])
    for name, labels, value, exemplar in family["samples"]:
        metric.add_sample(name, labels, value, exemplar=Exemplar(*exemplar) if exemplar else None)
    return metric
