"""Log events: why a call failed, and, where content is captured so, what was said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import _logs as logs

from callspan.events import Call, Response
from callspan.events.exceptions import ProviderError, note, qualified_name, was_noted
from callspan.semconv import attributes, content, names
from callspan.semconv.conventions import CHOICES
from callspan.settings.settings import Settings
from callspan.telemetry.deferred import Deferred
from callspan.telemetry.provider import FollowsProvider
from callspan.version import __version__


class LogEvents:
    """Emits the conventions' events with the call's own span as their context."""

    def __init__(
        self, settings: Settings, look_up: Callable[[], Any] = logs.get_logger_provider
    ) -> None:
        self.needs_text = False
        self._deferred = Deferred.from_settings(settings)
        self._conventions = CHOICES[settings.semconv]
        schema_url = self._conventions[0].schema_url
        self._logger = FollowsProvider(
            look_up,
            lambda provider: provider.get_logger(names.SCOPE, __version__, schema_url=schema_url),
        )

    def on_end(self, call: Call, response: Response) -> None:
        """Tell the details, where content goes into events."""
        if (
            call.captured_content is not None
            and call.capture.event
            and call.operation in names.INFERENCE
        ):
            call.captured_content.received(call)
            self._emit_details(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Tell the exception, if no call inside has told it, and the details that there are."""
        if not was_noted(call, error):
            self._emit(
                call, names.EXCEPTION_EVENT, logs.SeverityNumber.WARN, self._exception(call, error)
            )
            note(call, error)
        self.on_end(call, call.response)

    def _exception(self, call: Call, error: BaseException) -> dict[str, Any]:
        reported = isinstance(
            error, ProviderError
        )  # in an answer; nothing was raised, so there is no class to name
        told = {
            names.EXCEPTION_TYPE: error.failure.type if reported else qualified_name(type(error))
        }
        said = {
            names.EXCEPTION_MESSAGE: content.message(call, error),
            names.EXCEPTION_STACKTRACE: content.trace(call, error),
        }
        return told | {name: text for name, text in said.items() if text is not None}

    def _emit_details(self, call: Call, response: Response) -> None:
        told = {
            **attributes.identity(call),
            **attributes.client(call),
            **attributes.request(call),
            **call.attributes,
            **attributes.response(call, response, self._conventions),
            **attributes.failure(call),
            **call.captured_content.structures(_longest_text(self._logger.get())),
            **call.captured_content.notes(),
        }

        def emit(late: dict[str, Any]) -> None:
            self._emit(call, names.DETAILS_EVENT, logs.SeverityNumber.DEBUG, {**told, **late})

        if self._deferred is None:
            emit({})
        else:
            self._deferred.tell(call, emit)

    def _emit(
        self, call: Call, name: str, severity: logs.SeverityNumber, told: dict[str, Any]
    ) -> None:
        self._logger.get().emit(
            logs.LogRecord(
                timestamp=call.end_ns,
                context=call.context,
                severity_number=severity,
                event_name=name,
                attributes=told,
            )
        )


def _longest_text(logger: Any) -> int | None:
    """The length at which the SDK cuts the texts of log records."""
    return getattr(
        getattr(logger, "_log_record_limits", None), "max_log_record_attribute_length", None
    )
