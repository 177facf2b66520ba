"""The words that settings made of words may be, as types, so that an editor shows them."""

from __future__ import annotations

from typing import Literal

CaptureMode = Literal["off", "span", "event", "both"]
"""Where the content of calls goes: nowhere, on spans, into log events, or both."""
ConventionsVersion = Literal["released", "latest", "both"]
"""The version of OpenTelemetry's conventions whose names are used."""
ReaderName = Literal[
    "datadog",
    "grafana",
    "honeycomb",
    "jaeger",
    "langfuse",
    "langsmith",
    "logfire",
    "mlflow",
    "openlit",
    "phoenix",
    "signoz",
]
"""The readers of spans that are known, by name."""
TokenEvents = Literal["first", "all", "off"]
"""The tokens that become span events."""
OnConflict = Literal["warn", "defer"]
"""What is done where another instrumentation sees the same client."""
OnNative = Literal["mute", "keep"]
"""What is done with telemetry that clients and frameworks record by themselves."""
ConsoleContent = Literal["content"]
"""That the console prints what was said too."""
EstimateMode = Literal["console", "missing", "off"]
"""Where estimates of token counts that no provider gave are shown: on the console alone, everywhere, nowhere."""
