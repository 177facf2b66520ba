"""A collector that only counts: spans by model and outcome, and tokens by model."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_REQUESTS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
_USAGE = {"gen_ai.usage.input_tokens": "input", "gen_ai.usage.output_tokens": "output"}


class Receiver(http.server.ThreadingHTTPServer):
    """Listens on loopback for OTLP by HTTP."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.ends: Counter[tuple[str, str]] = Counter()
        self.span_tokens: Counter[tuple[str, str]] = Counter()
        self._last: dict[str, Counter[tuple[str, str]]] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def instances(self) -> list[str]:
        """The processes that sent metrics."""
        return list(self._last)

    @property
    def metric_tokens(self) -> dict[tuple[str, str], int]:
        """The sums of tokens, of all processes together."""
        return dict(sum(self._last.values(), Counter()))

    def take(self, request: Any) -> None:
        """Count the spans and metrics of a request."""
        with self._lock:
            for resource in getattr(request, "resource_spans", ()):
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    self._count_span(_plain(span.attributes))
            for resource in getattr(request, "resource_metrics", ()):
                instance = _plain(resource.resource.attributes)["service.instance.id"]
                for metric in (
                    metric for scope in resource.scope_metrics for metric in scope.metrics
                ):
                    if metric.name == "gen_ai.client.token.usage":
                        self._last[instance] = _tokens(metric.histogram.data_points)

    def _count_span(self, attributes: dict[str, Any]) -> None:
        model = attributes["gen_ai.request.model"]
        self.ends[model, attributes["callspan.outcome"]] += 1
        for name, kind in _USAGE.items():
            if name in attributes:
                self.span_tokens[model, kind] += attributes[name]


def _tokens(points: Any) -> Counter[tuple[str, str]]:
    """Return the sums of tokens; since a process sums up from its start, its last ones are all."""
    sums: Counter[tuple[str, str]] = Counter()
    for point in points:
        attributes = _plain(point.attributes)
        model = attributes["gen_ai.request.model"]
        sums[model, attributes["gen_ai.token.type"]] += int(point.sum)
    return sums


class _Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]  # only a Receiver makes us

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.take(_REQUESTS[self.path].FromString(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _plain(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}
