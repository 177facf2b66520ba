"""The door of AWS's clients: the one function through which every call of every service passes, with retries inside.

Client classes are made while the program runs, but all look it up on one base, so clients made earlier pass here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from callspan.events import Delta, Failure
from callspan.formats.fields import get, get_nested, text
from callspan.hooks.address import address
from callspan.hooks.botocore_streams import follow_events
from callspan.hooks.client import Client, OpenCall
from callspan.hooks.failure import cause, explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.streaming_body import follow_body
from callspan.lifecycle.observation import Observation, active
from callspan.runtime import guard
from callspan.runtime.number import http_status
from callspan.runtime.patching import Patch

ReadOperation = Callable[[str, Mapping[str, Any]], "MethodCall | None"]
"""What an operation asks for with its parameters; `None` for what is not watched."""
ReadHeaders = Callable[[Mapping[str, Any]], Delta]
"""What the headers of an answer say of tokens, and of what these cost."""


def botocore_hook(
    package: str,
    prefix: str,
    services: frozenset[str],
    read_call: ReadOperation,
    headed: ReadHeaders,
) -> Callable[[Client, OpenCall], list[Patch]]:
    """The door of one package, whose classes have a prefix, to some of AWS's services."""

    def asked(
        client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> MethodCall | None:
        if client_object.meta.service_model.service_name not in services:
            return None
        found = read_call(*args, **kwargs)
        return (
            None
            if found is None
            else replace(found, server=address(client_object.meta.endpoint_url))
        )

    def follow(observation: Observation, answer: Any) -> Any:
        return _follow(observation, answer, headed)

    def retry(wrapped: Any, _endpoint: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        observation = active.get()
        if observation is None:
            return wrapped(*args, **kwargs)
        attempt = _Attempt(observation, services, args, kwargs)
        decided = wrapped(*args, **kwargs)
        return attempt.awaited(decided) if hasattr(decided, "__await__") else attempt.noted(decided)

    watched = Method(
        f"{package}.client",
        f"{prefix}BaseClient._make_api_call",
        asked,
        asynchronous=bool(prefix),
        follow=follow,
    )
    hook = methods_hook(watched, explain=_explain)
    retries = f"{package}.endpoint", f"{prefix}Endpoint._needs_retry"
    return lambda client, open_call: [
        *hook(client, open_call),
        Patch(*retries, retry, optional=True),
    ]


def _follow(observation: Observation, answer: Any, headed: ReadHeaders) -> Any:
    """Follow the stream or the body that stands in an answer; without one it is all there."""
    headers = get_nested(answer, "ResponseMetadata", "HTTPHeaders") or {}
    observation.call.response.add(headed(headers))
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


class _Attempt:
    """One attempt, after which the client decides whether to try again, and waits before it does."""

    def __init__(
        self,
        observation: Observation,
        services: frozenset[str],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._observation, self._services = observation, services
        self._args, self._kwargs = args, kwargs
        self._since = time.perf_counter()

    def noted(self, again: Any) -> Any:
        """What the client has decided, noted where it tries again."""
        try:
            if again:
                self._note(*self._args, **self._kwargs)
        except Exception as error:  # noqa: BLE001  our fault must not keep the app from calling its model
            guard.report("looking at a retry", error)
        return again

    async def awaited(self, decision: Any) -> Any:
        """The same in asynchronous code."""
        return self.noted(await decision)

    def _note(
        self,
        attempts: int,
        operation_model: Any,
        request_dict: Any,
        response: Any = None,
        caught_exception: Any = None,
    ) -> None:
        # credentials may be fetched from another service in the course of a call
        if operation_model.service_model.service_name in self._services:
            reason = cause(caught_exception) if response is None else str(response[0].status_code)
            self._observation.retry(reason, time.perf_counter() - self._since)


def _explain(error: BaseException) -> Failure:
    answer = getattr(error, "response", None)
    told = get(answer, "ResponseMetadata")
    return replace(
        explain(error, "Code", answer=get(answer, "Error")),
        status=http_status(get(told, "HTTPStatusCode")),
        request_id=text(get(told, "RequestId")),
        retry_after=text(get_nested(told, "HTTPHeaders", "retry-after")),
    )
