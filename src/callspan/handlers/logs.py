"""Log events: why a call failed, and, where content is captured so, what was said."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from opentelemetry import _logs as logs

from callspan.events import Call, Response
from callspan.handlers.telemetry import FollowsProvider
from callspan.observation import ProviderError, qualified
from callspan.semconv import attributes, content, names
from callspan.semconv.conventions import CHOICES
from callspan.settings import Settings
from callspan.version import __version__


class LogEvents:
    """Emits the conventions' events with the call's own span as their context."""

    def __init__(self, settings: Settings, look_up: Callable[[], Any] = logs.get_logger_provider) -> None:
        self._capture = settings.capture_event
        self._show_message = settings.capture != "off"
        self.reads_text = self._capture
        self._conventions = CHOICES[settings.semconv]
        schema_url = self._conventions[0].schema_url
        self._logger = FollowsProvider(
            look_up, lambda provider: provider.get_logger(names.SCOPE, __version__, schema_url=schema_url)
        )
        if self._capture:
            self.on_start = self._remember

    def _remember(self, call: Call) -> None:
        """Read the messages before the app, which owns them, can change them."""
        call.values["sent"] = content.sent(call)

    def on_end(self, call: Call, response: Response) -> None:
        """Tell the details, where content goes into events."""
        if self._capture and call.operation in names.INFERENCE:
            self._emit_details(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Tell the exception, and the details that there are."""
        self._emit(call, names.EXCEPTION_EVENT, logs.SeverityNumber.WARN, self._exception(error))
        self.on_end(call, call.response)

    def _exception(self, error: BaseException) -> dict[str, Any]:
        reported = isinstance(error, ProviderError)  # in an answer; nothing was raised, so there is no class to name
        told = {names.EXCEPTION_TYPE: error.failure.type if reported else qualified(type(error))}
        if self._show_message:
            told[names.EXCEPTION_MESSAGE] = str(error)
            told[names.EXCEPTION_STACKTRACE] = "".join(traceback.format_exception(error))
        return told

    def _emit_details(self, call: Call, response: Response) -> None:
        told = {
            **attributes.identity(call),
            **attributes.client(call),
            **attributes.request(call),
            **attributes.response(call, response, self._conventions),
            **attributes.failure(call),
            **call.values.pop("sent", {}),
            **content.received(response),
        }
        self._emit(call, names.DETAILS_EVENT, logs.SeverityNumber.DEBUG, told)

    def _emit(self, call: Call, name: str, severity: logs.SeverityNumber, told: dict[str, Any]) -> None:
        self._logger.get().emit(
            logs.LogRecord(
                timestamp=call.end_ns,
                context=call.context,
                severity_number=severity,
                event_name=name,
                attributes=told,
            )
        )
