"""Log events: the exception of a failed call, and the call's content where that is captured so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import _logs as logs

from callspan.events import Call, Response
from callspan.events.exceptions import ProviderError, note, qualified_name, was_noted
from callspan.semconv import attributes, content, names
from callspan.semconv.conventions import CHOICES, request_tables, schema_url
from callspan.settings.settings import Settings
from callspan.telemetry.deferred import Deferred
from callspan.telemetry.provider import FollowsProvider
from callspan.version import __version__


def logger_of_ours(settings: Settings, look_up: Callable[[], Any]) -> FollowsProvider[Any]:
    """Return the logger of our scope, of the provider in use."""
    url = schema_url(CHOICES[settings.semconv])
    return FollowsProvider(
        look_up, lambda provider: provider.get_logger(names.SCOPE, __version__, schema_url=url)
    )


class LogEvents:
    """Emits the conventions' events with the call's own span as their context."""

    def __init__(
        self, settings: Settings, look_up: Callable[[], Any] = logs.get_logger_provider
    ) -> None:
        self.needs_text = False
        self._deferred = Deferred.from_settings(settings)
        self._conventions = CHOICES[settings.semconv]
        self._requests = request_tables(self._conventions)
        self._logger = logger_of_ours(settings, look_up)

    def on_end(self, call: Call, response: Response) -> None:
        """Emit the details of the call, where content goes into events."""
        captured = call.captured_content
        if captured is None:
            return  # the usual case, as content is off by default
        if call.capture.event and call.facts.is_inference:
            captured.received(call)
            self._emit_details(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Emit the exception, unless a call inside has done so, and the details that there are."""
        # an exception that passes through several operations is one event (docs/decisions/0061)
        if not was_noted(call, error):
            # a warning, as the conventions have it: the app may well handle the error
            values = self._exception(call, error)
            self._emit(call, self._exception_event(call), logs.SeverityNumber.WARN, values)
            note(call, error)
        self.on_end(call, call.response)

    def _exception_event(self, call: Call) -> str:
        # one event, also where the names of two versions are recorded: it is one exception
        if call.facts.is_inference:
            return self._conventions[0].inference_exception
        return names.EXCEPTION_EVENT

    def _exception(self, call: Call, error: BaseException) -> dict[str, Any]:
        """Return the attributes of an exception; its text only where content is captured."""
        kind = qualified_name(type(error))
        if isinstance(error, ProviderError):
            kind = error.failure.type  # reported in an answer: nothing was raised
        values: dict[str, Any] = {names.EXCEPTION_TYPE: kind}
        message = content.message(call, error)
        if message is not None:
            values[names.EXCEPTION_MESSAGE] = message
        trace = content.trace(call, error)
        if trace is not None:
            values[names.EXCEPTION_STACKTRACE] = trace
        return values

    def _emit_details(self, call: Call, response: Response) -> None:
        at_end = {
            **attributes.identity(call),
            **attributes.client(call),
            **attributes.request(call, self._requests),
            **attributes.framework(call),
            **call.attributes,
            **attributes.response(call, response, self._conventions),
            **attributes.failure(call),
            **call.captured_content.structures(_longest_text(self._logger.get())),
            **call.captured_content.notes(),
        }

        def emit(deferred: dict[str, Any]) -> None:
            self._emit(call, names.DETAILS_EVENT, logs.SeverityNumber.DEBUG, {**at_end, **deferred})

        if self._deferred is None:
            emit({})
        else:
            self._deferred.deliver(call, emit)

    def _emit(
        self, call: Call, name: str, severity: logs.SeverityNumber, values: dict[str, Any]
    ) -> None:
        self._logger.get().emit(
            logs.LogRecord(
                timestamp=call.end_ns,
                context=call.context,
                severity_number=severity,
                event_name=name,
                attributes=values,
            )
        )


def _longest_text(logger: Any) -> int | None:
    """Return the length at which the SDK cuts the texts of log records; `None` for no limit.

    A private attribute of the SDK's logger: no other way tells a limit set in code. A JSON text
    that is cut there would not parse (tests/test_content.py).
    """
    limits = getattr(logger, "_log_record_limits", None)
    return getattr(limits, "max_log_record_attribute_length", None)
