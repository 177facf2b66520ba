"""Prometheus, running, and what it answers."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from .programs import STACK, Running, free_ports, until

_COMMAND = yaml.safe_load((STACK / "compose.yaml").read_text())["services"]["prometheus"]["command"]
FEATURES = next(word.partition("=")[2] for word in _COMMAND if word.startswith("--enable-feature="))
"""What the stack's Prometheus is started with."""


class Prometheus(Running):
    """By the stack's own file and flags, but reads a collector each second; without one it waits to be sent to.

    With `as_it_stands` it reads as often as the file says.
    """

    def __init__(self, folder: Path, target: str | None, *, as_it_stands: bool = False) -> None:
        self._reads = target is not None
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        config = yaml.safe_load((STACK / "prometheus.yml").read_text())
        if not as_it_stands:
            config["global"] = {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            }
        config["rule_files"] = [str(STACK / "rules.yml")]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [target] if target else []}]
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        words = [
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-otlp-receiver",
            f"--enable-feature={FEATURES}",
        ]
        super().__init__("prometheus", words, folder, f"{self.url}/-/ready")

    def start(self, wait: bool = True) -> None:
        """Start it; it first reads the collector some seconds after it says that it is ready."""
        super().start(wait)
        if self._reads:
            until("Prometheus has read the collector", lambda: self.query("up == 1"))

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        return self._get("query", query=expression)["result"]

    def range(
        self, expression: str, start: float, end: float, step: str = "5s"
    ) -> list[dict[str, Any]]:
        """The series that an expression gives between two times, each with its `values`."""
        return self._get("query_range", query=expression, start=start, end=end, step=step)["result"]

    def value(self, expression: str) -> float:
        """The one number that an expression gives; 0 where there is none."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression}: {found}"
        return float(found[0]["value"][1]) if found else 0.0

    def wait_for_value(self, expression: str, value: float) -> None:
        """Wait until an expression gives a number."""
        until(f"{expression} is {value}", lambda: self.value(expression) == value)

    def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """The exemplars of the series that an expression names."""
        now = time.time()
        found = self._get("query_exemplars", query=expression, start=now - 3600, end=now + 60)
        return [exemplar for series in found for exemplar in series["exemplars"]]

    def _get(self, what: str, **parameters: Any) -> Any:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)["data"]
