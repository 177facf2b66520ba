"""Programs in a process of their own, for tests of imports, exits and forks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import callspan

SOURCE = str(Path(callspan.__file__).parent.parent)

PRINTING = """
import json, sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

class Printing(SpanExporter):
    def export(self, spans):
        for span in spans:
            print(json.dumps({"name": span.name, "status": span.status.status_code.name, **dict(span.attributes)}))
        sys.stdout.flush()
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Printing()))
"""
"""The start of a program that prints its spans, one JSON object a line."""


def run(program: str, *arguments: str, options: tuple[str, ...] = (), **environment: str) -> Any:
    """Run a program to its end, and return its output and its exit code."""
    path = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program), *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def printed_spans(done: Any) -> list[dict[str, Any]]:
    """Return the spans that a program printed; fail with its error if it failed."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
