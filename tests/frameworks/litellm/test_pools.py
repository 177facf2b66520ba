"""Calls that LiteLLM makes from thread pools of its own belong to whoever asked for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from frameworks.litellm.models import ASK, MODELS, OPENAI, VLLM, Model, litellm
from telemetry import Telemetry

Options = dict[str, Any]


def _models(options: Options) -> Options:
    """Ask the same model twice, by two names."""
    model = options.pop("model")
    return {**options, "models": [model, model.replace("-mini", "")]}


async def _in_a_loop(call: Callable[[], Any]) -> Any:
    return call()


def _fallbacks(options: Options) -> Any:
    """Where an event loop runs, LiteLLM tries fallbacks on a loop in another thread."""
    return asyncio.run(
        _in_a_loop(
            lambda: litellm.completion(messages=ASK, fallbacks=[options["model"]], **options)
        )
    )


def _token_lists(options: Options) -> Any:
    return litellm.text_completion(prompt=[[15496, 995], [15496]], **options)


PROGRAMS: dict[str, Callable[[Options], Any]] = {
    "batch": lambda options: litellm.batch_completion(messages=[ASK, ASK, ASK], **options),
    "first of models": lambda options: litellm.batch_completion_models(
        messages=ASK, **_models(options)
    ),
    "all of models": lambda options: litellm.batch_completion_models_all_responses(
        messages=ASK, **_models(options)
    ),
    "fallbacks in a loop": _fallbacks,
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_callers_context(
    telemetry: Telemetry, model_server: ModelServer, model: Model, name: str
) -> None:
    """The calls are in the caller's trace and counted there, by handlers of its block too."""
    calls: list[Any] = []

    class Handler:
        def on_end(self, call: Any, response: Any) -> None:
            calls.append(call)

    span = telemetry.tracer.start_as_current_span("app")
    with span as parent, callspan.count_tokens() as count, callspan.use_handlers(Handler()):
        PROGRAMS[name](model.at(model_server))
    requests = len(model_server.requests)
    assert requests
    assert {span.parent.span_id for span in telemetry.spans} == {parent.get_span_context().span_id}
    assert (len(telemetry.spans), count.calls, len(calls)) == (requests, requests, requests)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_budget(telemetry: Telemetry, model_server: ModelServer, model: Model) -> None:
    """A budget for two calls lets two of ten through; LiteLLM gives the refusals where it gives other failures."""
    with callspan.budget(calls=2):
        answers = litellm.batch_completion(messages=[ASK] * 10, **model.at(model_server))
    assert len(model_server.requests) == len(telemetry.spans) == 2
    assert sum(isinstance(answer, callspan.BudgetExceeded) for answer in answers) == 8


def test_prompts_as_tokens(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Lists of tokens are prompts of their own for Hugging Face, each asked from a thread."""
    options = {
        "model": "huggingface/flowers",
        "api_base": model_server.url,
        "api_key": "k",
        "max_retries": 0,
    }
    with telemetry.tracer.start_as_current_span("app") as parent:
        _token_lists(options)
    assert len(telemetry.spans) == len(model_server.requests) == 2
    assert {span.parent.span_id for span in telemetry.spans} == {parent.get_span_context().span_id}


def test_pools_of_the_apps_own(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What the app submits to a pool of its own stays as it is: without the context, unless it carries it."""
    submit = ThreadPoolExecutor.submit
    with telemetry.tracer.start_as_current_span("app"), ThreadPoolExecutor(1) as pool:
        pool.submit(litellm.completion, messages=ASK, **OPENAI.at(model_server)).result()
    assert telemetry.span.parent is None
    callspan.uninstrument()
    assert ThreadPoolExecutor.submit is not submit
    assert ThreadPoolExecutor.submit.__module__ == "concurrent.futures.thread"


def test_an_error_in_a_batch(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A call that fails is the caller's too, and its exception is LiteLLM's own."""
    model_server.enqueue(Reply(status=400))
    with telemetry.tracer.start_as_current_span("app") as parent:
        (answer,) = litellm.batch_completion(messages=[ASK], **VLLM.at(model_server))
    assert isinstance(answer, litellm.BadRequestError)
    assert telemetry.span.parent is not None
    assert telemetry.span.parent.span_id == parent.get_span_context().span_id
