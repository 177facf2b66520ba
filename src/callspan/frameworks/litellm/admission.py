"""Budgets for LiteLLM's requests: they are asked before a request is sent, and refusals are kept.

LiteLLM turns an exception raised inside into one of its own; here the refusal is found again.
"""

from __future__ import annotations

from callspan.accounting.budgets import BudgetExceeded
from callspan.formats.format import read_nothing
from callspan.frameworks.integration import ObservationFactory
from callspan.frameworks.litellm.request import Request
from callspan.frameworks.run_context import ProxyRunContext
from callspan.lifecycle.reading import Reading
from callspan.runtime import guard

_MOST_CAUSES = 32
"""How many exceptions of a chain of causes are searched for a refusal."""


def admit(request: Request, create_observation: ObservationFactory | None) -> None:
    """Reserve the tokens that a request may need, unless another reports the call.

    Raises:
        BudgetExceeded: If too little is left.
    """
    if create_observation is None or request.mocked:
        return
    if request.reservation is not None:
        # LiteLLM may log one request twice: it is admitted once
        return
    if not request.is_pending:
        # another reports the call, and has asked the budgets
        return
    try:
        _reserve(request, create_observation)
    except BudgetExceeded:
        raise
    except Exception as error:  # noqa: BLE001  an odd request must not stop the call
        guard.report("looking at budgets for LiteLLM", error)


def _reserve(request: Request, create_observation: ObservationFactory) -> None:
    call = request.build_call(request.stream, False)
    observation = create_observation(call, Reading(read_nothing), request.base)
    if observation is not None:
        request.reservation = observation.reserve(request.size)


def find_refusal_of(
    request: Request, error: BaseException, handled: BaseException | None
) -> BudgetExceeded | None:
    """Return the refusal that a failing function is to raise in place of LiteLLM's exception.

    A function that has tried several others, as a router does, raises a new exception with the
    text of the last. So a refusal is kept on the request around as well.

    Args:
        request: The call of the function.
        error: The exception that it raised.
        handled: The exception that was being handled before the call; none of the call's.
    """
    refusal = find_refusal(error, handled) or request.refusal
    if isinstance(request.outer, ProxyRunContext):
        outer_request = request.outer.runs[0]
        if isinstance(outer_request, Request):
            outer_request.refusal = refusal
    return refusal


def find_refusal(
    error: BaseException | None, handled: BaseException | None = None
) -> BudgetExceeded | None:
    """Return the refusal of a budget among an exception and its causes."""
    # bounded, as a chain of contexts may be a circle
    for _ in range(_MOST_CAUSES):
        if error is None or error is handled:
            return None
        if isinstance(error, BudgetExceeded):
            return error
        # LiteLLM raises its own inside an `except`, so the refusal is the context of that
        error = error.__cause__ or error.__context__
    return None
