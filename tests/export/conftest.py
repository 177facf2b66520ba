"""A collector that remembers what it is sent, and programs run in processes of their own."""

from __future__ import annotations

import http.server
import os
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

SRC = str(Path(__file__).parents[2] / "src")


class Received:
    """What a collector was sent, as (signal, name of a span, metric or event, value) in order.

    `refusals` are the statuses of the next answers, of HTTP or of gRPC. With them go `retry_after`, as the value
    of the header, or `retry_seconds`, in gRPC's `RetryInfo`. `times` are those of all requests.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Any] = []
        self.refusals: list[Any] = []
        self.retry_after = ""
        self.retry_seconds: float | None = None
        self.times: list[float] = []
        self.delay = 0.0
        self.breaks = 0
        self.dies = False
        self.resets = False
        self._lock = threading.Lock()

    def add(self, request: Any) -> None:
        with self._lock:
            self.requests.append(request)

    @property
    def spans(self) -> list[str]:
        return [s.name for r in self._all("resource_spans") for x in r.scope_spans for s in x.spans]

    @property
    def sums(self) -> dict[str, list[tuple[str, int]]]:
        """The sums of each counter: instance and value, the last one an instance."""
        found: dict[str, dict[str, int]] = {}
        for r in self._all("resource_metrics"):
            instance = next(
                a.value.string_value
                for a in r.resource.attributes
                if a.key == "service.instance.id"
            )
            for metric in (m for x in r.scope_metrics for m in x.metrics):
                found.setdefault(metric.name, {})[instance] = metric.sum.data_points[0].as_int
        return {
            name: sorted(values.items(), key=lambda pair: pair[1]) for name, values in found.items()
        }

    def _all(self, field: str) -> list[Any]:
        return [item for request in self.requests for item in getattr(request, field, ())]


def _request_types() -> dict[str, Any]:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return {
        "/v1/traces": ExportTraceServiceRequest,
        "/v1/metrics": ExportMetricsServiceRequest,
        "/v1/logs": ExportLogsServiceRequest,
    }


@pytest.fixture
def http_collector() -> Iterator[Received]:
    """A collector for http/protobuf."""
    received, types = Received(), _request_types()

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.times.append(time.monotonic())
            if not received.refusals:
                received.add(types[self.path].FromString(body))
            time.sleep(received.delay)  # what a slow collector does
            if received.dies:
                server.socket.close()
            if received.resets:  # closing then sends a reset
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
            if received.dies or received.breaks:
                received.breaks -= 1
                self.close_connection = True
                return
            self.send_response(received.refusals.pop(0) if received.refusals else 200)
            self.send_header("content-length", "0")
            if received.retry_after:
                self.send_header("retry-after", received.retry_after)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    received.url = f"http://127.0.0.1:{server.server_port}"
    yield received
    server.shutdown()
    server.server_close()


@pytest.fixture
def grpc_collector() -> Iterator[Received]:
    """A collector for gRPC."""
    import grpc
    from google.rpc.error_details_pb2 import RetryInfo
    from google.rpc.status_pb2 import Status
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc

    received = Received()

    def refuse(context: Any, code: Any) -> None:
        """Answer as the Collector does: the pause stands in the details of the status."""
        status = Status(code=code.value[0], message="not now")
        if received.retry_seconds is not None:
            retry = RetryInfo()
            retry.retry_delay.FromNanoseconds(int(received.retry_seconds * 1e9))
            status.details.add().Pack(retry)
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
        context.set_trailing_metadata(trailers)
        context.abort(code, status.message)

    def service(base: Any, response: Any) -> Any:
        def export(_self: Any, request: Any, context: Any) -> Any:
            received.times.append(time.monotonic())
            if received.refusals:
                refuse(context, received.refusals.pop(0))
            received.add(request)
            return response()

        return type("Service", (base,), {"Export": export})()

    server = grpc.server(futures.ThreadPoolExecutor(4))
    trace_service = service(trace_grpc.TraceServiceServicer, trace.ExportTraceServiceResponse)
    trace_grpc.add_TraceServiceServicer_to_server(trace_service, server)
    metrics_service = service(
        metrics_grpc.MetricsServiceServicer, metrics.ExportMetricsServiceResponse
    )
    metrics_grpc.add_MetricsServiceServicer_to_server(metrics_service, server)
    logs_service = service(logs_grpc.LogsServiceServicer, logs.ExportLogsServiceResponse)
    logs_grpc.add_LogsServiceServicer_to_server(logs_service, server)
    received.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield received
    server.stop(None)


PROGRAM = """
import os, sys
from opentelemetry import metrics, trace
from callspan.export import providers
from callspan.export.destinations import Destinations, from_environment
from callspan.telemetry.provider import FollowsProvider

tracer = FollowsProvider(trace.get_tracer_provider, lambda p: p.get_tracer("core"))
counter = FollowsProvider(metrics.get_meter_provider, lambda p: p.get_meter("core").create_counter("calls"))

def call(name):
    "What the core does for one call: a span and a record, by the providers in force."
    with tracer.get().start_as_current_span(name):
        counter.get().add(1)
"""


class Program:
    """Runs programs with the package on their path and none of our variables in their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, text: str, *arguments: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        path = self.folder / "flower_shop.py"
        path.write_text(PROGRAM + textwrap.dedent(text), encoding="utf-8")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "CALLSPAN_"))}
        return subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(path), *arguments],
            cwd=self.folder,
            env={**kept, "PYTHONPATH": SRC, "PYTHONIOENCODING": "utf-8", **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)
