"""Budgets, asked when LiteLLM is about to send a request; and how a refusal reaches the app through LiteLLM."""

from __future__ import annotations

from callspan.accounting.budgets import BudgetExceeded
from callspan.formats.format import read_nothing
from callspan.frameworks.integration import Opener
from callspan.frameworks.litellm.request import Request
from callspan.frameworks.run_context import ProxyRunContext
from callspan.runtime import guard

_DEEP = 32
"""How many exceptions are looked through for a refusal."""


def admit(request: Request, opener: Opener | None) -> None:
    """Reserve what a request may need, unless another tells of it; raises `BudgetExceeded` where too little is left."""
    if opener is None or request.mocked or request.reservation is not None or not request.waiting:
        return
    try:
        _ask(request, opener)
    except BudgetExceeded:
        raise
    except Exception as error:  # noqa: BLE001  an odd request must not keep the app from calling its model
        guard.report("looking at budgets for LiteLLM", error)


def _ask(request: Request, opener: Opener) -> None:
    observation = opener(request.made(request.stream, False), read_nothing, request.base)
    if observation is not None and observation.budgets:
        observation.size = request.size
        observation.admit()
        request.reservation = observation.reservation


def refused(
    request: Request, error: BaseException, handled: BaseException | None
) -> BudgetExceeded | None:
    """The refusal that a failing function is to raise; what was being `handled` before the call is none of its.

    A function that has tried several others raises but the words of the last, so that one's end is noted here.
    """
    stop = refusal(error, handled) or request.stop
    around = request.outer.runs[0] if isinstance(request.outer, ProxyRunContext) else None
    if isinstance(around, Request):
        around.stop = stop
    return stop


def refusal(
    error: BaseException | None, handled: BaseException | None = None
) -> BudgetExceeded | None:
    """The refusal of which LiteLLM has made an error of its own."""
    for _ in range(_DEEP):
        if error is None or error is handled:
            return None
        if isinstance(error, BudgetExceeded):
            return error
        error = error.__cause__ or error.__context__
    return None
