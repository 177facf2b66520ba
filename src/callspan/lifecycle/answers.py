"""Reading the answer of a call, and why it failed."""

from __future__ import annotations

from callspan.events import Failure
from callspan.lifecycle.reading import Item
from callspan.lifecycle.state import ObservationState
from callspan.runtime import guard


def read_answer(state: ObservationState, item: Item) -> None:
    """Add a whole answer to the call's response."""
    try:
        delta = state.read(item, state.needs_text)
        usage = None if delta is None else delta.usage
        has_no_output = usage is None or usage.output is None
        if state.estimates and not state.needs_text and has_no_output:
            # only now is it clear that the text has to be counted
            state.needs_text = True
            delta = state.read(item, True)
        if delta is not None:
            state.call.response.add(delta, state.needs_text)
    except Exception as error:  # noqa: BLE001  an odd answer must not cost the app its result
        guard.report(f"reading the answer of {state.call.operation}", error)


def read_note(state: ObservationState, item: Item) -> None:
    """Read an event that is no chunk of an answer, such as the one that gives it its id."""
    try:
        delta = state.read(item, False)
        if delta is not None:
            state.call.response.add(delta, False)
    except Exception as error:  # noqa: BLE001  an odd event must not cost the app its session
        guard.report(f"reading an event of {state.call.operation}", error)


def read_rest(state: ObservationState) -> None:
    """Add the facts that the client has put in no chunk of a stream, if it has any."""
    # LiteLLM keeps counts that it passes on in no chunk (docs/decisions/0083)
    rest = state.reading.rest
    if rest is None:
        return
    try:
        delta = rest()
        if delta is not None:
            state.call.response.add(delta, state.needs_text)
    except Exception as error:  # noqa: BLE001  an odd stream must still have its end
        guard.report(f"reading the end of {state.call.operation}", error)


def explain(state: ObservationState, error: BaseException) -> Failure | None:
    """Return the provider's reason for an exception, or `None` if there is none."""
    answer = None
    # before `explain`: an answer has id, tokens and cost, which no explanation of an error has
    if state.reading.answer_of is not None:
        answer = state.reading.answer_of(error)
    if answer is not None:
        # the provider answered, and charges for it; only the client's own parsing raised
        read_answer(state, answer)
        return state.call.response.failure
    if state.reading.explain is not None:
        return state.reading.explain(error)
    return None
