"""The door of AWS's clients: the one function through which every call of every service passes, with retries inside.

Client classes are made while the program runs, but all look it up on one base, so clients made earlier pass here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from callspan.dialects.dialect import get, text
from callspan.doors.adapter import Adapter, Opener
from callspan.doors.address import address
from callspan.doors.event_stream import follow_events
from callspan.doors.failure import cause, explain
from callspan.doors.methods import Asked, Method, methods
from callspan.doors.streaming_body import follow_body
from callspan.events import Delta, Failure, Usage
from callspan.observation import Observation, active
from callspan.patching import Patch

Asks = Callable[[str, Mapping[str, Any]], "Asked | None"]
"""What an operation asks for with its parameters; `None` for what is not watched."""
Metered = Callable[[Mapping[str, Any]], "Usage | None"]
"""What the headers of an answer say of tokens."""


def api_calls(
    package: str, prefix: str, services: frozenset[str], asks: Asks, metered: Metered
) -> Callable[[Adapter, Opener], list[Patch]]:
    """The door of one package, whose classes have a prefix, to some of AWS's services."""

    def asked(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
        if client.meta.service_model.service_name not in services:
            return None
        found = asks(*args, **kwargs)
        return None if found is None else replace(found, server=address(client.meta.endpoint_url))

    def follow(observation: Observation, answer: Any) -> Any:
        return _follow(observation, answer, metered)

    def retry(wrapped: Any, _endpoint: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        observation = active.get()
        if observation is None or _service(*args, **kwargs) not in services:
            return wrapped(*args, **kwargs)
        since = time.perf_counter()
        decided = wrapped(*args, **kwargs)
        if hasattr(decided, "__await__"):
            return _awaited(decided, observation, _why_again(*args, **kwargs), since)
        return _noted(decided, observation, _why_again(*args, **kwargs), since)

    watched = Method(
        f"{package}.client", f"{prefix}BaseClient._make_api_call", asked, asynchronous=bool(prefix), follow=follow
    )
    door = methods(watched, why=_why)
    retries = f"{package}.endpoint", f"{prefix}Endpoint._needs_retry"
    return lambda adapter, opener: [*door(adapter, opener), Patch(*retries, retry, optional=True)]


def _follow(observation: Observation, answer: Any, metered: Metered) -> Any:
    """Follow the stream or the body that stands in an answer; without one it is all there."""
    headers = get(get(answer, "ResponseMetadata"), "HTTPHeaders") or {}
    observation.call.response.add(Delta(metered=metered(headers)))
    for name, value in answer.items():
        kind = type(value)
        if hasattr(kind, "get_initial_response"):
            follow_events(observation, value)
            return answer
        if hasattr(kind, "iter_chunks"):
            answer[name] = follow_body(observation, value, headers)
            return answer
    observation.answer(answer)
    return answer


# -- retries, of which the client decides by one function, that waits as well ------------------------------------


def _service(_attempts: int, operation_model: Any, *_more: Any, **_named: Any) -> str:
    return operation_model.service_model.service_name


def _why_again(
    _attempts: int, _operation: Any, _request: Any, response: Any = None, caught_exception: Any = None
) -> str:
    return cause(caught_exception) if response is None else str(response[0].status_code)


def _noted(decided: Any, observation: Observation, why: str, since: float) -> Any:
    if decided:
        observation.retry(why, time.perf_counter() - since)
    return decided


async def _awaited(decided: Any, observation: Observation, why: str, since: float) -> Any:
    return _noted(await decided, observation, why, since)


# -- errors -------------------------------------------------------------------------------------------------------


def _why(error: BaseException) -> Failure:
    answer = getattr(error, "response", None)
    told = get(answer, "ResponseMetadata")
    status = get(told, "HTTPStatusCode")
    return replace(
        explain(error, "Code", answer=get(answer, "Error")),
        status=status if isinstance(status, int) else None,
        request_id=text(get(told, "RequestId")),
        retry_after=text(get(get(told, "HTTPHeaders"), "retry-after")),
    )
