"""Jaeger, running, and what it answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .otlp import attributes, by_start, spans_in
from .programs import STACK, Running, free_ports, until


class Jaeger(Running):
    """Traces in memory; a restart forgets them."""

    def __init__(self, folder: Path) -> None:
        otlp, http, grpc, health = (f"127.0.0.1:{port}" for port in free_ports(4))
        self.otlp, self.url = otlp, f"http://{http}"
        addresses = {
            "JAEGER_OTLP": otlp,
            "JAEGER_HTTP": http,
            "JAEGER_GRPC": grpc,
            "JAEGER_HEALTH": health,
        }
        super().__init__(
            "jaeger",
            ["--config", STACK / "jaeger.yaml"],
            folder,
            f"http://{health}/status",
            **addresses,
        )

    def spans(self, service: str, number: int) -> list[dict[str, Any]]:
        """The spans of a service as OTLP has them, by the time at which they began, once there are so many."""
        return until(
            f"{number} spans of {service} in Jaeger", lambda: self._at_least(service, number)
        )

    def count(self, service: str) -> int:
        """How many spans of a service are there."""
        return sum(len(trace["spans"]) for trace in self._traces(service))

    def _at_least(self, service: str, number: int) -> list[dict[str, Any]]:
        if self.count(service) < number:
            return []
        ids = [trace["traceID"] for trace in self._traces(service)]
        return by_start([span for trace in ids for span in spans_in(self._trace(trace))])

    def resource(self, service: str) -> dict[str, Any]:
        """What is said of the process of a service."""
        told = self._trace(self._traces(service)[0]["traceID"])[0]["resource"]
        return attributes(told["attributes"])

    def knows(self, trace_id: str) -> bool:
        """Whether a trace is there, by its id."""
        try:
            return bool(self._trace(trace_id))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False

    def _traces(self, service: str) -> list[dict[str, Any]]:
        return self._get(f"/api/traces?service={service}&limit=5000")["data"]

    def _trace(self, trace_id: str) -> list[dict[str, Any]]:
        return self._get(f"/api/v3/traces/{trace_id}")["result"]["resourceSpans"]

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)
