"""The hook of AWS's clients: the one function through which every call of every service passes.

Retries happen inside it. Client classes are made while the program runs, but all of them look it up
on one base, so clients made earlier pass here too.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from callspan.events import Delta, Failure
from callspan.formats.fields import get, get_nested, text
from callspan.hooks.address import address
from callspan.hooks.botocore_streams import follow_events
from callspan.hooks.client import Client, Hook, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.failure import cause, explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.streaming_body import follow_body
from callspan.lifecycle.observation import Observation, active
from callspan.runtime import guard
from callspan.runtime.number import http_status
from callspan.runtime.patching import Patch, Wrapper

ReadOperation = Callable[..., "MethodCall | None"]
"""Reads a call from `operation_name` and `api_params`; `None` if it is not watched."""
ReadHeaders = Callable[[Mapping[str, object]], Delta]
"""Reads tokens, and conditions of their price, from the headers of an answer."""


def botocore_hook(
    package: str,
    prefix: str,
    services: frozenset[str],
    read_operation: ReadOperation,
    read_headers: ReadHeaders,
) -> Hook:
    """Return the hook of one package to some of AWS's services.

    Args:
        package: `botocore` or `aiobotocore`.
        prefix: How the names of the package's classes begin; empty for the synchronous one.
        services: The names of the services whose calls are watched.
        read_operation: Reads a call from an operation and its parameters.
        read_headers: Reads the headers of an answer.
    """
    calls = Method(
        f"{package}.client",
        f"{prefix}BaseClient._make_api_call",
        partial(_read_call, services, read_operation),
        asynchronous=bool(prefix),
        follow=partial(_follow, read_headers),
    )
    calls_hook = methods_hook(calls, explain=_explain)

    def hook(client: Client, subscriber: Subscriber) -> list[Patch]:
        module, path = f"{package}.endpoint", f"{prefix}Endpoint._needs_retry"
        # optional, as the function is private: without it only retries are not seen
        retry = Patch(module, path, _retry_wrapper(services), optional=True)
        return [*calls_hook(client, subscriber), retry]

    return hook


def _read_call(
    services: frozenset[str],
    read_operation: ReadOperation,
    client_object: ClientObject,
    args: Args,
    kwargs: Kwargs,
) -> MethodCall | None:
    """Return the call that a client of AWS's is about to make; `None` if it is not watched."""
    # the service comes first: all of the app's calls to AWS pass here
    if client_object.meta.service_model.service_name not in services:
        return None
    call = read_operation(*args, **kwargs)
    if call is None:
        return None
    # where the client sends to, which may be an endpoint of the app's own
    return replace(call, server=address(client_object.meta.endpoint_url))


def _retry_wrapper(services: frozenset[str]) -> Wrapper:
    """Return a wrapper for the function in which the client decides whether to try again."""

    def decide_retry(wrapped: Function, _endpoint: object, args: Args, kwargs: Kwargs) -> Result:
        observation = active.get()
        if observation is None:
            return wrapped(*args, **kwargs)
        attempt = _Attempt(observation, services, args, kwargs)
        decision = wrapped(*args, **kwargs)
        if hasattr(decision, "__await__"):
            return attempt.await_decision(decision)
        return attempt.record(decision)

    return decide_retry


def _follow(read_headers: ReadHeaders, observation: Observation, answer: ClientObject) -> Result:
    """Follow the stream or the body in an answer; without one the answer is complete."""
    # counts in headers only fill what the answer itself leaves out (docs/decisions/0004)
    headers = get_nested(answer, "ResponseMetadata", "HTTPHeaders") or {}
    observation.call.response.add(read_headers(headers))
    for name, value in answer.items():
        # streams and bodies stand under several names, so the type decides
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
    """One attempt, after which the client decides whether to try again."""

    def __init__(
        self, observation: Observation, services: frozenset[str], args: Args, kwargs: Kwargs
    ) -> None:
        self._observation = observation
        self._services = services
        self._args = args
        self._kwargs = kwargs
        # botocore sleeps within its decision, so the decision lasts as long as the wait
        self._since = time.perf_counter()

    def record(self, decision: Result) -> Result:
        """Record a retry if the client has decided for one; returns the decision."""
        try:
            if decision:
                self._record(*self._args, **self._kwargs)
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report("looking at a retry", error)
        return decision

    async def await_decision(self, decision: Awaitable[Result]) -> Result:
        """Await the decision of an asynchronous client, and record a retry."""
        return self.record(await decision)

    def _record(
        self,
        attempts: int,
        operation_model: ClientObject,
        request_dict: ClientObject,
        response: ClientObject = None,
        caught_exception: BaseException | None = None,
    ) -> None:
        """Record a retry; the parameters are those of `_needs_retry`."""
        # credentials may be fetched from another service in the course of a call
        if operation_model.service_model.service_name not in self._services:
            return
        reason = cause(caught_exception)
        if response is not None:
            # botocore's pair of the HTTP response and the parsed answer
            reason = str(response[0].status_code)
        self._observation.retry(reason, time.perf_counter() - self._since)


def _explain(error: BaseException) -> Failure:
    # the parsed answer of a `ClientError`, where other clients keep an HTTP response
    answer = getattr(error, "response", None)
    metadata = get(answer, "ResponseMetadata")
    return replace(
        explain(error, "Code", answer=get(answer, "Error")),
        status=http_status(get(metadata, "HTTPStatusCode")),
        request_id=text(get(metadata, "RequestId")),
        retry_after=text(get_nested(metadata, "HTTPHeaders", "retry-after")),
    )
