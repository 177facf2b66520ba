"""Prometheus as a destination: /metrics on an address that it scrapes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from callspan.export import prometheus_group
from callspan.export.destinations import prometheus_address
from callspan.export.exporter import Exporter
from callspan.export.losses import MetricsCount
from callspan.export.prometheus_group import Group
from callspan.runtime import guard
from callspan.runtime.errors import ConfigurationError
from callspan.settings.environment import METRICS_FOLDER

if TYPE_CHECKING:
    from callspan.export.metrics_server import MetricsServer
    from callspan.export.prometheus_reader import Families
    from callspan.export.prometheus_sums import Sums

MISSING = "--prometheus needs the extra: pip install 'callspan[prometheus]'"


_PORTS_TRIED = 64
"""How many ports above the one that was asked for a process tries, where others have the first."""
_WATCH_SECONDS = 1.0
"""How often a process looks whether the one that serves `/metrics` has ended."""
_SHARE_SECONDS = 5.0
"""How often a process writes its metrics for the others."""


class Prometheus(Exporter):
    """Serves the metrics of a program: one process serves the sums of all, to which the others write theirs.

    A port of another program raises when `strict`; else the next free one above is taken, and a line
    names it. Where there is no folder to share, each process is served at a port of its own.

    Args:
        address: HOST:PORT.
        strict: Whether an address that cannot be served raises.
        shared: The folder and the address by which the parent of a forked child joined its group.
    """

    def __init__(self, address: str, strict: bool, shared: tuple[str, str] | None = None) -> None:
        self._host, self._port = prometheus_address(address)
        self._server: Any = None
        self._reader: Any = None
        self._count = MetricsCount()
        self.counts = {"metrics": self._count}
        self.name = f"Prometheus at {self._address}"
        self.failure = f"could not be served on {self._address}"
        _require_extra()
        self._shared = shared or (self._folder(address), address)
        self._group = _join(*self._shared)
        if self._group is not None:
            # where the group was served before, as another program may have the port that was asked for
            self._port = self._group.port or self._port
        self._is_shared = False
        self._closing = threading.Event()
        self._watch_thread: threading.Thread | None = None
        self._serve_or_watch(strict)

    def _serve_or_watch(self, strict: bool) -> None:
        """Serve, unless another process of the group does; then watch for the end of that one."""
        if self._group is None or self._group.lead():
            self._serve(strict)
        # where the address cannot be served, there is no group any more
        if self._group is not None and self._server is None:
            self._watch()

    def _folder(self, address: str) -> str:
        """Return the name of the folder to share; empty if there is none."""
        folder = os.environ.get(METRICS_FOLDER)
        if folder:
            return folder
        # the system chooses a port for each process
        if self._port == 0:
            return prometheus_group.new_folder()
        return prometheus_group.siblings_folder(address)

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
        if self._group is not None:
            self._group.port = self._port
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
        if self._group is not None:
            self._group.leave()
            self._group = None
        why = f"Prometheus cannot be served on {self._address}: {error.strerror or error}"
        if strict:
            raise ConfigurationError(f"{why}; choose another port") from None
        # the app goes on without: that a port is taken must not end it
        guard.say_once(f"{why}; the metrics of this process are not there")

    def _watch(self) -> None:
        """Begin to write metrics for the others, and to serve the sums when the process that does it ends."""
        self._watch_thread = threading.Thread(
            target=self._run, name="callspan-prometheus-group", daemon=True
        )
        try:
            self._watch_thread.start()
        except RuntimeError:  # there can be no more threads; the metrics are written at the end
            self._watch_thread = None

    def _run(self) -> None:
        next_share = time.monotonic() + _SHARE_SECONDS
        # metrics are read by one thread only: where there is a server, by its own
        while self._server is None and not self._closing.wait(_WATCH_SECONDS):
            try:
                self._take_over()
                if self._server is None and time.monotonic() >= next_share:
                    next_share = time.monotonic() + _SHARE_SECONDS
                    self._share()
            except Exception as error:  # noqa: BLE001  it is tried again a second later
                guard.report("sharing metrics with other processes", error)

    def _take_over(self) -> None:
        if self._group is not None and self._group.lead():
            self._port = self._group.port or self._port
            self._serve(strict=False)

    def _share(self) -> Families:
        """Read the metrics of this process, write them for the others, and return them."""
        from callspan.export.prometheus_reader import Families

        families = Families(self._reader)
        self._is_shared = self._write(families)
        return families

    def _write(self, families: Families) -> bool:
        """Write metrics for the other processes; return whether they have them."""
        if self._group is None:
            return False
        try:
            self._group.share(families.plain)
        except OSError as error:
            guard.say_once(f"{self.name}: no metrics for other processes ({error.strerror})")
            return False
        return True

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
        """Return all metrics in the format that the scraper accepts, and its content type."""
        from prometheus_client import REGISTRY
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(accept)
        registry: Any = REGISTRY if self._reader is None else self._sums()
        return encode(registry), content_type

    def _sums(self) -> Families | Sums:
        """Return the metrics of all processes, as an encoder collects them."""
        # written each time: whoever takes over needs them if this process is killed
        families = self._share()
        if self._group is None or not self._group.has_others:
            return families
        return self._group.sums(families.plain)

    def _unregister(self) -> None:
        if self._reader is not None:
            # the registry's word for a collector that somebody has removed from it already
            with contextlib.suppress(KeyError):
                self._reader.shutdown()
            self._reader = None

    def describe(self) -> list[str]:
        """Return one line that says where metrics are served."""
        if self._server is None and self._group is None:
            return [f"prometheus: not served on {self._address}"]
        return [f"prometheus: http://{self._address}/metrics"]

    def close(self, deadline: float) -> None:
        """Stop serving, and leave the counts to the other processes; without any of both they are lost."""
        self._closing.set()
        if self._watch_thread is not None:
            self._watch_thread.join(_WATCH_SECONDS)
        server = self._server
        if server is not None:
            server.close()
        if self._reader is not None and not self._leave() and server is None:
            # nobody has scraped, so the numbers of what is lost come from one last reading
            self._reader.collect()
            self._count.accept(len(self._reader.metrics()))
        self._count.close()
        self._unregister()

    def _leave(self) -> bool:
        """Leave the last counts to the group; return whether there is one that took them."""
        if self._group is None:
            return False
        self._share()
        self._group.leave()
        self._group = None
        return self._is_shared

    def forked(self) -> None:
        """Close the parent's socket, or the port would stay taken when the parent ends."""
        if self._server is not None:
            self._server.forget()
        if self._group is not None:
            self._group.forget()
        registry: Any = sys.modules.get("prometheus_client.registry")
        if registry is not None:  # a scrape of the parent's may have held it
            registry.REGISTRY._lock = threading.RLock()

    def in_child(self) -> Prometheus:
        """Share the child's metrics with its parent's, and not those that the parent had until the fork."""
        self._unregister()
        return Prometheus(self._address, strict=False, shared=self._shared)


def _require_extra() -> None:
    """Raise `ConfigurationError` at once where the extra is missing, not with the first scrape."""
    try:
        import opentelemetry.exporter.prometheus  # noqa: F401  only to see whether it is there
    except ImportError:
        raise ConfigurationError(MISSING) from None


def _join(folder: str, address: str) -> Group | None:
    """Return this process as one of those that share the address, or `None` where that is not possible."""
    if not folder:
        return None
    try:
        return Group(folder, address)
    except OSError:  # a read-only file system, or one without locks
        return None
