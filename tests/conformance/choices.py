"""The choices under which telemetry is checked: each dialect, without content and with it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True)
class Choice:
    """A dialect of the conventions, and where content goes."""

    semconv: str
    capture: str

    @property
    def settings(self) -> dict[str, str]:
        """The arguments of `instrument()`."""
        return {"semconv": self.semconv, "capture": self.capture}

    @property
    def variables(self) -> dict[str, str]:
        """The variables of a program that runs under callspan."""
        content = "SPAN_AND_EVENT" if self.capture == "both" else "NO_CONTENT"
        return {
            "CALLSPAN_SEMCONV": self.semconv,
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": content,
        }

    def __str__(self) -> str:
        return f"{self.semconv}-{self.capture}"


CHOICES = tuple(Choice(*pair) for pair in product(("released", "latest", "both"), ("off", "both")))
