"""Results of evaluations: how good an answer was, as a person, a model or a test has judged it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from callspan.content.capture import Capture
from callspan.events import Call
from callspan.events.exceptions import qualified_name
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.runtime.number import real
from callspan.runtime.plain import valid
from callspan.runtime.scope import current, of_span, suppressed
from callspan.setup import state
from callspan.telemetry.evaluations import Evaluation

_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
"""The hexadecimal digits of an id of a trace and of a span."""


def evaluation(
    name: str,
    *,
    score: float | None = None,
    label: str | None = None,
    explanation: str | None = None,
    error: BaseException | str | None = None,
    call: Call | None = None,
    trace_id: str | int | None = None,
    span_id: str | int | None = None,
    response_id: str | None = None,
) -> None:
    """Record how good an answer was, as the event `gen_ai.evaluation.result`.

    The event belongs to the call, else to the span with these ids, else to the span in force. It
    is recorded after `instrument()`, whose settings hold for it.

    Args:
        name: The quality that was measured, such as `relevance`.
        score: The score, a finite number on a scale of your own.
        label: The score in a word, such as `relevant` or `pass`.
        explanation: Why it is so. It may quote the answer, so it is recorded only where `output`
            is captured, after the redaction hook.
        error: Why there is no score: the exception, or a name for the kind of error.
        call: The call that was judged, as handlers get it.
        trace_id: The trace that was judged, in 32 hexadecimal digits or as a number. It may have
            ended long ago, in another process.
        span_id: The span in it, in 16 hexadecimal digits or as a number.
        response_id: The provider's id of the answer; that of the call is known.

    Raises:
        SettingsError: There is no name, none of score, label and error, a value of another type,
            or one id of a span without the other.
    """
    answer = _answer(call, trace_id, span_id, response_id)
    result = _result(answer, name, score, label, explanation, error)
    _record(result, call)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer that was judged: its id, and the context of its span (`None`: that in force)."""

    id: str | None
    context: object


def _answer(
    call: Call | None,
    trace_id: str | int | None,
    span_id: str | int | None,
    response_id: str | None,
) -> _Answer:
    """Return the answer that these arguments name, or raise `SettingsError`."""
    if call is not None and not isinstance(call, Call):
        raise SettingsError(f"call is a {type(call).__name__}: give a call as handlers get it")
    answer_id = _text("response_id", response_id)
    if not answer_id and call is not None:
        answer_id = call.response.id
    return _Answer(answer_id, _context(call, trace_id, span_id))


def _result(
    answer: _Answer,
    name: object,
    score: object,
    label: object,
    explanation: object,
    error: BaseException | str | None,
) -> Evaluation:
    """Return what was judged of an answer, or raise `SettingsError` for a value that is wrong."""
    result = Evaluation(
        name=_text("name", name) or "",
        score=_score(score),
        label=_text("label", label),
        explanation=_text("explanation", explanation),
        error_type=_error_type(error),
        response_id=answer.id,
        context=answer.context,
    )
    if not result.name:
        raise SettingsError("an evaluation needs a name, such as 'relevance'")
    if (result.score, result.label, result.error_type) == (None, None, None):
        raise SettingsError(f"the evaluation {result.name!r} needs a score, a label or an error")
    return result


def _record(result: Evaluation, call: Call | None) -> None:
    try:
        _emit(result, call)
    except Exception as problem:  # noqa: BLE001  our fault must not stop the app's code
        guard.report("recording an evaluation", problem)


def _emit(result: Evaluation, call: Call | None) -> None:
    installation = state.current
    if installation is None:
        guard.say_once("callspan.evaluation() records nothing before callspan.instrument()")
        return
    if installation.evaluations is None or suppressed():
        return
    # under `callspan run` this sets the providers up, which may not have been needed before
    installation.opener.ready()
    installation.evaluations.emit(result, _capture(installation.capture, call))


def _capture(settings_capture: Capture, call: Call | None) -> Capture:
    """Return the capture that holds: the call's own, or that of the block in which we are."""
    if call is not None:
        # `None` stands for a call of which nothing is captured
        return call.capture or Capture()
    choice = current().capture
    return settings_capture if choice is None else choice.of(settings_capture)


def _context(call: Call | None, trace_id: str | int | None, span_id: str | int | None) -> object:
    """Return the context of the span that was judged; `None` for the one in force."""
    if trace_id is None and span_id is None:
        return None if call is None else call.context
    if trace_id is None or span_id is None:
        raise SettingsError("give both trace_id and span_id, or none of them")
    trace_number = _id("trace_id", trace_id, _TRACE_DIGITS)
    return of_span(trace_number, _id("span_id", span_id, _SPAN_DIGITS))


def _id(name: str, value: str | int, digits: int) -> int:
    number = 0
    if isinstance(value, int):
        number = value
    elif re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
        number = int(value, 16)
    # an id of zeros is none
    if not 0 < number < 16**digits:
        raise SettingsError(f"{name} is {value!r}: give {digits} hexadecimal digits, or a number")
    return number


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise SettingsError(f"the {name} of an evaluation is {value!r}: give a text")
    return valid(value)


def _score(value: object) -> float | None:
    if value is None:
        return None
    score = real(value)
    if score is None:
        raise SettingsError(f"the score of an evaluation is {value!r}: give a finite number")
    return score


def _error_type(error: BaseException | str | None) -> str | None:
    if isinstance(error, BaseException):
        return qualified_name(type(error))
    return _text("error", error)
