"""Results of evaluations: the event of each, beside the operation that was judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry import _logs as logs

from callspan.content.capture import Capture
from callspan.semconv import content, names
from callspan.settings.settings import Settings
from callspan.telemetry.logs import logger_of_ours


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one evaluation.

    Attributes:
        name: The quality that was measured, such as `relevance`.
        score: The score, on the scale of whoever judged.
        label: The score in a word, such as `relevant`.
        explanation: Why it is so; it is content, as it may quote the answer.
        error_type: Why there is no result.
        response_id: The provider's id of the answer that was judged.
        context: The OpenTelemetry context with the span of the operation that was judged.
    """

    name: str
    score: float | None = None
    label: str | None = None
    explanation: str | None = None
    error_type: str | None = None
    response_id: str | None = None
    context: Any = None

    def attributes(self, capture: Capture) -> dict[str, Any]:
        """Return the attributes of the event, the explanation only where content is captured."""
        explanation = None
        if self.explanation is not None:
            explanation = content.explanation(capture, self.explanation)
        values = {
            names.EVALUATION_NAME: self.name,
            names.EVALUATION_SCORE: self.score,
            names.EVALUATION_LABEL: self.label,
            names.EVALUATION_EXPLANATION: explanation,
            names.ERROR_TYPE: self.error_type,
            names.RESPONSE_ID: self.response_id,
        }
        return {name: value for name, value in values.items() if value is not None}


class Evaluations:
    """Emits the results of evaluations as the conventions' event."""

    def __init__(
        self, settings: Settings, look_up: Callable[[], Any] = logs.get_logger_provider
    ) -> None:
        self._logger = logger_of_ours(settings, look_up)

    def emit(self, evaluation: Evaluation, capture: Capture) -> None:
        """Emit the event of one result."""
        self._logger.get().emit(
            logs.LogRecord(
                timestamp=time.time_ns(),
                context=evaluation.context,
                # the conventions name no severity: nothing has gone wrong
                severity_number=logs.SeverityNumber.INFO,
                event_name=names.EVALUATION_EVENT,
                attributes=evaluation.attributes(capture),
            )
        )
