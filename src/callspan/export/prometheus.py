"""Prometheus as a destination: /metrics on an address that it scrapes."""

from __future__ import annotations

import contextlib
from typing import Any

from callspan.export.destinations import prometheus_address
from callspan.export.exporter import Exporter
from callspan.export.losses import MetricsCount
from callspan.runtime import guard
from callspan.runtime.errors import ConfigurationError

MISSING = "--prometheus needs the extra: pip install 'callspan[prometheus]'"


class Prometheus(Exporter):
    """Serves metrics. A taken port raises when `strict`, else it is one warning: other workers serve there."""

    def __init__(self, address: str, strict: bool) -> None:
        self._host, self._port = prometheus_address(address)
        self._server: Any = None
        self._reader: Any = None
        self._count = MetricsCount()
        self.counts = {"metrics": self._count}
        self.name = f"Prometheus at {self._host}:{self._port}"
        self.failure = f"could not be served on {self._host}:{self._port}"
        try:
            import opentelemetry.exporter.prometheus  # noqa: F401  so that a missing extra is said at once
        except ImportError:
            raise ConfigurationError(MISSING) from None
        self._serve(strict)

    def _serve(self, strict: bool) -> None:
        from callspan.export.metrics_server import MetricsServer

        try:
            self._server = MetricsServer(self._host, self._port, self._render)
        except OSError as error:
            why = f"Prometheus cannot be served on {self._host}:{self._port}: {error.strerror or error}"
            if strict:
                raise ConfigurationError(f"{why}; choose another port") from None
            guard.say_once(f"{why}; the metrics of this process are not there")
            return
        self._port = self._server.port

    def wants(self, signal: str) -> bool:
        """Metrics only."""
        return signal == "metrics"

    def metric_reader(self) -> Any:
        """A reader that answers scrapes, in place of the one before."""
        from callspan.export.prometheus_reader import Reader

        self._unregister()
        self._reader = Reader()
        return self._reader

    def _render(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the format that the scraper accepts, and its content type.

        Only OpenMetrics has a place for exemplars.
        """
        from prometheus_client import REGISTRY
        from prometheus_client.exposition import choose_encoder

        from callspan.export.prometheus_reader import RegistryWithExemplars

        encode, content_type = choose_encoder(accept)
        registry: Any = REGISTRY
        if "openmetrics" in content_type and self._reader is not None:
            registry = RegistryWithExemplars(self._reader)
        return encode(registry), content_type

    def _unregister(self) -> None:
        if self._reader is not None:
            with contextlib.suppress(KeyError):
                self._reader.shutdown()
            self._reader = None

    def describe(self) -> list[str]:
        """Where it is served."""
        if self._server is None:
            return [f"prometheus: not served, {self._host}:{self._port} is taken"]
        return [f"prometheus: http://{self._host}:{self._port}/metrics"]

    def close(self, deadline: float) -> None:
        """Stop serving; what was recorded where nothing could be served is lost."""
        if self._server is None and self._reader is not None:
            self._reader.collect()
            self._count.accept(len(self._reader.metrics()))
        self._count.close()
        self._unregister()
        if self._server is not None:
            self._server.close()

    def forked(self) -> None:
        """Let go of the parent's socket, or the port would stay taken, and silent, when the parent ends."""
        if self._server is not None:
            self._server.forget()

    def in_child(self) -> None:
        """Nothing: the port is the parent's."""
        guard.say_once(
            f"Prometheus at {self._host}:{self._port} shows the parent process only: use OTLP for workers"
        )
