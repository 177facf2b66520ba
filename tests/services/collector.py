"""The collector, running by one or more of the project's own files."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .programs import BIN, ROOT, SECONDS, Running, free_ports

BASIC = ROOT / "collector-config.yaml"


class Collector(Running):
    """Listens on ports of its own; later files and words such as `--set=...` change the first."""

    def __init__(
        self, folder: Path, traces: str, files: Sequence[Path] = (BASIC,), **more: str
    ) -> None:
        grpc, http, prometheus, health = (f"127.0.0.1:{port}" for port in free_ports(4))
        self.grpc, self.http, self.prometheus = f"http://{grpc}", f"http://{http}", prometheus
        self.urls = {"grpc": self.grpc, "http/protobuf": self.http}
        addresses = {
            "OTELCOL_GRPC": grpc,
            "OTELCOL_HTTP": http,
            "OTELCOL_PROMETHEUS": prometheus,
            "OTELCOL_HEALTH": health,
            "OTELCOL_TRACES": traces,
            **more,
        }
        super().__init__("otelcol", _configs(files), folder, f"http://{health}", **addresses)


def validated(*files: Path, **environment: str) -> str:
    """What the collector finds wrong with a configuration; empty where it is accepted."""
    done = subprocess.run(
        [BIN / "otelcol", "validate", *_configs(files)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stderr if done.returncode else ""


def _configs(files: Sequence[Path]) -> list[str]:
    return [word for file in files for word in ("--config", str(file))]
