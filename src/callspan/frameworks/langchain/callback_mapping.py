"""Callback mappings: the methods of a LangChain handler by which it is told of a call.

A handler is told of each call as of a model or, if it knows chains only, as of a chain of one step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

from callspan.events import Call, Response, Token
from callspan.frameworks.langchain import message_builder
from callspan.frameworks.langchain.result_builder import build_chunk, build_result

# calls are numbered within a process, and a run's id has to be unique everywhere
_PROCESS = uuid4()
_COMPLETION = "text_completion"
_OTHER_OUTPUTS = ("image", "speech")
Fields = dict[str, Any]
"""Keyword arguments of a callback, or the fields of an object of LangChain's."""


@dataclass(slots=True)
class Callback:
    """One method of a LangChain handler to be called.

    Attributes:
        method: The method's name.
        arguments: Its positional arguments.
        fields: Its keyword arguments.
        ignored_by: The handler's attribute that says, if true, not to call the method.
    """

    method: str
    arguments: tuple[object, ...]
    fields: Fields = field(default_factory=dict)
    ignored_by: str = "ignore_llm"


Callbacks = Generator[Callback, None, None]
"""The callbacks of one event; a `NotImplementedError` of the handler's is thrown into it."""


@dataclass(frozen=True, slots=True)
class CallbackMapping:
    """The callbacks of each event of a call.

    Attributes:
        start: Yields the callbacks of a start; `token`, `end` and `error` likewise.
        methods: The methods that each event of callspan's may call.
        is_supported: Whether there are callbacks for such a call.
    """

    start: Callable[[Call], Callbacks]
    token: Callable[[Call, Token], Callbacks]
    end: Callable[[Call, Response], Callbacks]
    error: Callable[[Call, BaseException], Callbacks]
    methods: dict[str, tuple[str, ...]]
    is_supported: Callable[[Call], bool]


def _is_supported(call: Call) -> bool:
    """Whether LangChain has callbacks for a call: models that write, not embeddings or images."""
    if not call.facts.is_inference:
        return False
    return call.parameters.get("output_type") not in _OTHER_OUTPUTS


def _run_id(call: Call) -> UUID:
    """Return the id of a call's run: one for all handlers, and another in each process."""
    # a forked child has the same `_PROCESS`, and counts its calls on from the parent's
    return uuid5(_PROCESS, f"{os.getpid()} {call.id}")


def _run_fields(call: Call) -> Fields:
    parent_id = None
    if call.parent is not None and _is_supported(call.parent):
        parent_id = _run_id(call.parent)
    return {"run_id": _run_id(call), "parent_run_id": parent_id, "tags": []}


def _name(call: Call) -> str:
    return f"{call.operation} {call.model}" if call.model else call.operation


def _serialized(call: Call) -> Fields:
    # the path of a class that does not exist: nobody can load it
    path = ["callspan", call.client_name or call.provider, call.operation]
    # LangChain's own form for objects that it cannot write down
    return {"lc": 1, "type": "not_implemented", "id": path, "name": _name(call)}


def _metadata(call: Call) -> Fields:
    """Return metadata under the names of LangChain's models, without unknown values."""
    metadata = {
        "ls_provider": call.provider,
        "ls_model_name": call.model,
        "ls_model_type": "llm" if call.operation == _COMPLETION else "chat",
        "ls_temperature": call.parameters.get("temperature"),
        "ls_max_tokens": call.parameters.get("max_tokens"),
        "ls_stop": call.parameters.get("stop"),
    }
    return {name: value for name, value in metadata.items() if value is not None}


def _start_fields(call: Call) -> Fields:
    settings = {"model": call.model, **call.parameters, "stream": call.stream}
    return {
        **_run_fields(call),
        "metadata": _metadata(call),
        "name": _name(call),
        "invocation_params": settings,
    }


def _prompts(call: Call) -> list[str]:
    if call.operation == _COMPLETION:
        return message_builder.build_prompts(call)
    return [message_builder.as_prompt(message_builder.build_request(call))]


def _model_start(call: Call) -> Callbacks:
    """Yield the method for chats, and the one for prompts if the handler does not implement it."""
    # as langchain-core passes them: a handler may name them as parameters
    fields = {**_start_fields(call), "options": {}, "batch_size": 1}
    if call.operation != _COMPLETION:
        messages = [message_builder.build_request(call)]
        try:
            yield Callback(
                "on_chat_model_start", (_serialized(call), messages), fields, "ignore_chat_model"
            )
            return
        except NotImplementedError:
            # LangChain's base class raises it in handlers that know prompts only
            pass
    yield Callback("on_llm_start", (_serialized(call), _prompts(call)), fields)


def _model_token(call: Call, token: Token) -> Callbacks:
    text, chunk = build_chunk(call, token)
    yield Callback("on_llm_new_token", (text,), {**_run_fields(call), "chunk": chunk})


def _model_end(call: Call, _response: Response) -> Callbacks:
    yield Callback("on_llm_end", (build_result(call),), _run_fields(call))


def _model_error(call: Call, error: BaseException) -> Callbacks:
    # LangChain adds what had come of the answer before the error
    fields = {**_run_fields(call), "response": build_result(call)}
    yield Callback("on_llm_error", (error,), fields)


def _chain_start(call: Call) -> Callbacks:
    prompts = _prompts(call)
    inputs = {"input": prompts}
    yield _chain_callback("on_chain_start", call, _serialized(call), inputs, **_start_fields(call))
    # the words of LangChain's `LLMChain`, which such handlers print
    text = "Prompt after formatting:\n" + "\n".join(prompts)
    yield _chain_callback("on_text", call, text, end="\n")


def _no_callback(_call: Call, _token: Token) -> Callbacks:
    yield from ()


def _chain_end(call: Call, response: Response) -> Callbacks:
    yield _chain_callback("on_text", call, response.text, end="\n")
    yield _chain_callback("on_chain_end", call, {"text": response.text})


def _chain_error(call: Call, error: BaseException) -> Callbacks:
    yield _chain_callback("on_chain_error", call, error)


def _chain_callback(method: str, call: Call, *arguments: object, **fields: Any) -> Callback:
    return Callback(method, arguments, {**_run_fields(call), **fields}, "ignore_chain")


MODEL = CallbackMapping(
    _model_start,
    _model_token,
    _model_end,
    _model_error,
    {
        "on_start": ("on_chat_model_start", "on_llm_start"),
        "on_token": ("on_llm_new_token",),
        "on_end": ("on_llm_end",),
        "on_error": ("on_llm_error",),
    },
    _is_supported,
)
"""Each call as a model's run."""
CHAIN = CallbackMapping(
    _chain_start,
    _no_callback,
    _chain_end,
    _chain_error,
    {
        "on_start": ("on_chain_start", "on_text"),
        "on_token": (),
        "on_end": ("on_text", "on_chain_end"),
        "on_error": ("on_chain_error",),
    },
    _is_supported,
)
"""Each call as a chain of one step."""
