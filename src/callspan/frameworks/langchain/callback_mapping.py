"""In which words a LangChain handler is told of a call: as of a model, or as of a chain of one step."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

from callspan.events import Call, Response, Token
from callspan.frameworks.langchain import message_builder
from callspan.frameworks.langchain.result_builder import chunk, result

_PROCESS = uuid4()
_COMPLETION = "text_completion"
_HEARD = ("chat", "generate_content", _COMPLETION)
_SHOWN = ("image", "speech")


@dataclass(slots=True)
class Step:
    """One method of a LangChain handler to be called, unless the handler's `ignored_by` is true."""

    method: str
    arguments: tuple[Any, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    ignored_by: str = "ignore_llm"


Steps = Generator[Step, None, None]


@dataclass(frozen=True, slots=True)
class Voice:
    """The steps by which each event is told, and the methods that these may call."""

    start: Callable[[Call], Steps]
    token: Callable[[Call, Token], Steps]
    end: Callable[[Call, Response], Steps]
    error: Callable[[Call, BaseException], Steps]
    methods: dict[str, tuple[str, ...]]
    audible: Callable[[Call], bool]


def _audible(call: Call) -> bool:
    """Whether LangChain has callbacks for such a call: models that write, not embeddings, images or speech."""
    return call.operation in _HEARD and call.parameters.get("output_type") not in _SHOWN


def _run_id(call: Call) -> UUID:
    """The same for all handlers of a call, and another in every process."""
    return uuid5(_PROCESS, f"{os.getpid()} {call.id}")


def _run(call: Call) -> dict[str, Any]:
    parent = call.parent if call.parent is not None and _audible(call.parent) else None
    return {
        "run_id": _run_id(call),
        "parent_run_id": None if parent is None else _run_id(parent),
        "tags": [],
    }


def _name(call: Call) -> str:
    return f"{call.operation} {call.model}" if call.model else call.operation


def _serialized(call: Call) -> dict[str, Any]:
    run_context = ["callspan", call.client_name or call.provider, call.operation]
    return {"lc": 1, "type": "not_implemented", "id": run_context, "name": _name(call)}


def _metadata(call: Call) -> dict[str, Any]:
    """What LangChain says of every model, under its own names; what is not known is left out."""
    facts = {
        "ls_provider": call.provider,
        "ls_model_name": call.model,
        "ls_model_type": "llm" if call.operation == _COMPLETION else "chat",
        "ls_temperature": call.parameters.get("temperature"),
        "ls_max_tokens": call.parameters.get("max_tokens"),
        "ls_stop": call.parameters.get("stop"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _facts(call: Call) -> dict[str, Any]:
    settings = {"model": call.model, **call.parameters, "stream": call.stream}
    return {
        **_run(call),
        "metadata": _metadata(call),
        "name": _name(call),
        "invocation_params": settings,
    }


def _prompts(call: Call) -> list[str]:
    if call.operation == _COMPLETION:
        return message_builder.prompts(call)
    return [message_builder.as_prompt(message_builder.sent(call))]


def _model_start(call: Call) -> Steps:
    """By the method for chats; a handler without one is told of a prompt, as LangChain does."""
    facts = {**_facts(call), "options": {}, "batch_size": 1}
    if call.operation != _COMPLETION:
        try:
            yield Step(
                "on_chat_model_start",
                (_serialized(call), [message_builder.sent(call)]),
                facts,
                "ignore_chat_model",
            )
            return
        except NotImplementedError:
            pass
    yield Step("on_llm_start", (_serialized(call), _prompts(call)), facts)


def _model_token(call: Call, token: Token) -> Steps:
    text, piece = chunk(call, token)
    yield Step("on_llm_new_token", (text,), {**_run(call), "chunk": piece})


def _model_end(call: Call, _response: Response) -> Steps:
    yield Step("on_llm_end", (result(call),), _run(call))


def _model_error(call: Call, error: BaseException) -> Steps:
    yield Step("on_llm_error", (error,), {**_run(call), "response": result(call)})


def _chain_start(call: Call) -> Steps:
    asked = _prompts(call)
    yield _of_chain("on_chain_start", call, _serialized(call), {"input": asked}, **_facts(call))
    yield _of_chain("on_text", call, "Prompt after formatting:\n" + "\n".join(asked), end="\n")


def _no_step(_call: Call, _token: Token) -> Steps:
    yield from ()


def _chain_end(call: Call, response: Response) -> Steps:
    yield _of_chain("on_text", call, response.text, end="\n")
    yield _of_chain("on_chain_end", call, {"text": response.text})


def _chain_error(call: Call, error: BaseException) -> Steps:
    yield _of_chain("on_chain_error", call, error)


def _of_chain(method: str, call: Call, *arguments: Any, **facts: Any) -> Step:
    return Step(method, arguments, {**_run(call), **facts}, "ignore_chain")


MODEL = Voice(
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
    _audible,
)
CHAIN = Voice(
    _chain_start,
    _no_step,
    _chain_end,
    _chain_error,
    {
        "on_start": ("on_chain_start", "on_text"),
        "on_token": (),
        "on_end": ("on_text", "on_chain_end"),
        "on_error": ("on_chain_error",),
    },
    _audible,
)
