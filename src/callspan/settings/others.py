"""Variables that other instrumentations of models read: obeyed, or said to be not read, by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
"""OpenTelemetry's variable with a list of conventions whose newest text is wanted."""
_LATEST = "gen_ai_latest_experimental"
_EXCEPTIONS = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The variable by which all instrumentations of models are told which content to record."""
_NOT_READ: dict[str, str] = {
    "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": f"{CAPTURE}=EVENT_ONLY puts content into events",
    "TRACELOOP_TRACE_CONTENT": f"{CAPTURE} says whether content is recorded, by default not",
    "OPENINFERENCE_HIDE_INPUTS": "CALLSPAN_CAPTURE_FIELDS says which content is recorded",
    "OPENINFERENCE_HIDE_OUTPUTS": "CALLSPAN_CAPTURE_FIELDS says which content is recorded",
    "OPENLIT_CAPTURE_MESSAGE_CONTENT": f"{CAPTURE} says whether content is recorded",
}
"""Variables that callspan does not read, each with what it does instead."""


def settings_of(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings that the variables of others choose, where ours say nothing."""
    if _LATEST in _words(environ, OPT_IN):
        return {"semconv": "latest"}
    return {}


def lines_about(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return one line about each variable of others that is set and that callspan does not obey."""
    lines: list[str] = []
    for variable, reason in _NOT_READ.items():
        if environ.get(variable, "").strip():
            lines.append(f"{variable} is not read by callspan: {reason}")
    if "logs/dup" in _words(environ, _EXCEPTIONS):
        lines.append(f"{_EXCEPTIONS} is not read by callspan: exceptions are log events alone")
    return lines


def _words(environ: Mapping[str, str], variable: str) -> list[str]:
    return [word.strip().lower() for word in environ.get(variable, "").split(",")]
