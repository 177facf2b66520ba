"""Prometheus as a destination: /metrics on an address that it scrapes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from callspan.export.destinations import prometheus_address
from callspan.export.exporter import Exporter
from callspan.export.losses import MetricsCount
from callspan.runtime import guard
from callspan.runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from callspan.export.metrics_server import MetricsServer

MISSING = "--prometheus needs the extra: pip install 'callspan[prometheus]'"


_PORTS_TRIED = 64
"""How many ports above the one that was asked for a process tries, where others have the first."""


class Prometheus(Exporter):
    """Serves the metrics of one process.

    A taken port raises when `strict`. Else another process of the program has it, as workers have the
    same settings: the next free port above is taken, and a line names it.
    """

    def __init__(self, address: str, strict: bool) -> None:
        self._host, self._port = prometheus_address(address)
        self._server: Any = None
        self._reader: Any = None
        self._count = MetricsCount()
        self.counts = {"metrics": self._count}
        self.name = f"Prometheus at {self._address}"
        self.failure = f"could not be served on {self._address}"
        try:
            import opentelemetry.exporter.prometheus  # noqa: F401  so that a missing extra is said at once
        except ImportError:
            raise ConfigurationError(MISSING) from None
        self._serve(strict)

    @property
    def _address(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    def _serve(self, strict: bool) -> None:
        """Serve on the address; unless `strict`, on the next free port above if it is taken."""
        try:
            self._server = self._open_server(strict)
        except OSError as error:
            self._refuse(error, strict)
            return
        wanted_port, wanted_address = self._port, self._address
        self._port = self._server.port
        if self._port == wanted_port or strict:
            return
        # a port that the user did not write down has to be said, or nobody finds it
        why = f", as {wanted_address} is taken" if wanted_port else ""
        where = f"http://{self._address}/metrics"
        guard.say_once(f"Prometheus: process {os.getpid()} serves its metrics on {where}{why}")

    def _open_server(self, strict: bool) -> MetricsServer:
        """Open a server at the wanted port, or at the next free one above it unless `strict`."""
        from callspan.export.metrics_server import MetricsServer

        # port 0 means that the system chooses one, so there is nothing to try above it
        last = self._port
        if last and not strict:
            last = min(last + _PORTS_TRIED, 65535)
        for port in range(self._port, last):
            try:
                return MetricsServer(self._host, port, self._render)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        return MetricsServer(self._host, last, self._render)

    def _refuse(self, error: OSError, strict: bool) -> None:
        why = f"Prometheus cannot be served on {self._address}: {error.strerror or error}"
        if strict:
            raise ConfigurationError(f"{why}; choose another port") from None
        # the app goes on without: that a port is taken must not end it
        guard.say_once(f"{why}; the metrics of this process are not there")

    def wants(self, signal: str) -> bool:
        """Whether it is metrics."""
        return signal == "metrics"

    def metric_reader(self) -> Any:
        """Return a reader that answers scrapes, in place of the one before."""
        from callspan.export.prometheus_reader import Reader

        # or a scrape would have the series of the old reader too
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
        # the registry of all, so that metrics of the app's own stand there too
        registry: Any = REGISTRY
        if "openmetrics" in content_type and self._reader is not None:
            registry = RegistryWithExemplars(self._reader)
        return encode(registry), content_type

    def _unregister(self) -> None:
        if self._reader is not None:
            # the registry's word for a collector that somebody has removed from it already
            with contextlib.suppress(KeyError):
                self._reader.shutdown()
            self._reader = None

    def describe(self) -> list[str]:
        """Return one line that says where metrics are served."""
        if self._server is None:
            return [f"prometheus: not served on {self._address}"]
        return [f"prometheus: http://{self._address}/metrics"]

    def close(self, deadline: float) -> None:
        """Stop serving; metrics that could not be served are lost."""
        if self._server is None and self._reader is not None:
            # nobody has scraped, so the numbers of what is lost come from one last reading
            self._reader.collect()
            self._count.accept(len(self._reader.metrics()))
        self._count.close()
        self._unregister()
        if self._server is not None:
            self._server.close()

    def forked(self) -> None:
        """Close the parent's socket, or the port would stay taken when the parent ends."""
        if self._server is not None:
            self._server.forget()
        registry: Any = sys.modules.get("prometheus_client.registry")
        if registry is not None:  # a scrape of the parent's may have held it
            registry.REGISTRY._lock = threading.RLock()

    def in_child(self) -> Prometheus:
        """Serve the child's metrics beside the parent's, and not those that the parent had until the fork."""
        self._unregister()
        return Prometheus(self._address, strict=False)
