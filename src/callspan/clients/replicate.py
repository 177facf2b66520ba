"""Replicate's client: its functions that run a model and wait for its output."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from callspan.events import Failure
from callspan.formats.fields import get, text
from callspan.formats.replicate.prediction import PREDICTION, read_prediction
from callspan.hooks.address import address
from callspan.hooks.calls import observation_of
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.runtime import guard
from callspan.runtime.patching import Patch
from callspan.semconv.providers import by_address

_MODULE = "replicate.client"
_NAME = "replicate"
_URL = "https://api.replicate.com"


def _read_call(stream: bool, _instance: object, args: Args, kwargs: Kwargs) -> MethodCall:
    """Read a request; each function gets the client object, the model's name, and its input."""
    client_object: ClientObject = args[0]
    reference = args[1] if len(args) > 1 else kwargs["ref"]
    settings = args[2] if len(args) > 2 else kwargs.get("input")
    # private (replicate 1.0; tests/test_replicate.py)
    url = client_object._base_url or _URL
    body = {**(settings or {}), "model": _model(reference)}
    return MethodCall("run", body, address(str(url)), stream, client_object)


def _model(reference: object) -> str | None:
    """Return a model's name without its version, from a text or from the client's own objects."""
    if isinstance(reference, str):
        return reference.partition(":")[0]
    owner = text(get(reference, "owner"))
    name = text(get(reference, "name"))
    return f"{owner}/{name}" if owner and name else text(get(reference, "id"))


def _note_prediction(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap what makes predictions of answers: the functions return their output alone."""
    prediction = wrapped(*args, **kwargs)
    try:
        observation = observation_of(_NAME)
        if observation is not None:
            observation.call.response.add(read_prediction(prediction))
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
        guard.report("looking at a prediction", error)
    return prediction


def _explain(error: BaseException) -> Failure:
    # `type` is the address of a page that explains the error, and no code
    return explain(error, "code")


# the functions that the methods call: apps hold bound methods, such as `replicate.run`
_run = Method(_MODULE, "run", partial(_read_call, False))
_stream = Method(_MODULE, "stream", partial(_read_call, True), lazy=True)
_calls_hook = methods_hook(
    _run,
    replace(_run, path="async_run", asynchronous=True),
    _stream,
    replace(_stream, path="async_stream", asynchronous=True),
    explain=_explain,
)


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    patches = _calls_hook(client, subscriber)
    for module in ("prediction", "model"):
        patches.append(
            Patch(f"replicate.{module}", "_json_to_prediction", _note_prediction, optional=True)
        )
    return patches


REPLICATE = Client(
    name=_NAME,
    package="replicate",
    module="replicate",
    versions=("1.0", "2"),
    provider=by_address("replicate"),
    hook=_hook,
    endpoints={"run": PREDICTION},
)
