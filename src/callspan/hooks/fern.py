"""The door of clients that Fern generates: their raw clients, whose functions make one request each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from callspan.formats.format import get, merged
from callspan.hooks.address import address
from callspan.hooks.failure import cause
from callspan.hooks.methods import Asked, Method
from callspan.lifecycle.generators import observe_generator
from callspan.lifecycle.observation import Observation, active
from callspan.runtime.patching import Patch

Url = Callable[[Any], str]


def calls(raw: tuple[str, str], paths: Mapping[str, str], url: Url) -> list[Method]:
    """The functions of a raw client, told by module and class, and of its asynchronous twin.

    `paths` has the path that each asks at, `url` the base URL from what the parts of an app's client share.
    """
    module, kind = raw
    found: list[Method] = []
    for name, path in paths.items():
        stream = name.endswith("_stream")
        told = {"asks": partial(_asks, path, url, stream), "lazy": stream, "follow": _follow}
        found += [
            Method(module, f"{kind}.{name}", **told),
            Method(module, f"Async{kind}.{name}", asynchronous=True, **told),
        ]
    return found


def retries(package: str) -> list[Patch]:
    """The patches by which it is seen that a client will try again, which it does inside one call."""
    names = ("_retry_timeout", "_retry_timeout_from_retries")
    return [Patch(f"{package}.core.http_client", name, _retry, optional=True) for name in names]


def _asks(
    path: str, url: Url, stream: bool, raw: Any, _args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Asked:
    """What the arguments say, which are the fields of the body by name."""
    given = {
        name: value
        for name, value in kwargs.items()
        if value is not ... and name != "request_options"
    }
    added = get(kwargs.get("request_options"), "additional_body_parameters")
    body = merged(given, added) if isinstance(added, Mapping) else given
    shared = raw._client_wrapper
    return Asked("POST", path, body, address(url(shared)), stream, shared)


def _follow(observation: Observation, response: Any) -> Any:
    """Follow what a response holds: the items of a stream, or a whole answer."""
    held = response._data
    if isinstance(held, (GeneratorType, AsyncGeneratorType)):
        response._data = observe_generator(held, observation)
    else:
        observation.answer(held)
    return response


def _retry(wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In place of the computation of the wait, which the client asks for only when it will try again."""
    wait = wrapped(*args, **kwargs)
    observation = active.get()
    if observation is not None and isinstance(wait, (int, float)):
        status = get(kwargs.get("response"), "status_code")
        observation.retry(cause(sys.exc_info()[1]) if status is None else str(status), float(wait))
    return wait
