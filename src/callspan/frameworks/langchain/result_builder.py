"""What a call was answered, as LangChain's results; imported only once LangChain is wanted."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
    LLMResult,
)

from callspan.events import REASONING, TEXT, Call, Token, Usage
from callspan.frameworks.langchain.message_builder import spoken


def result(call: Call) -> LLMResult:
    """The answer as far as it came. Counts that nobody stated are left out."""
    make = _completion if call.operation == "text_completion" else _message
    made = [
        make(call, run_context, message["parts"])
        for run_context, message in enumerate(call.response.messages)
    ]
    each = call.choices if call.operation == "text_completion" else len(made)
    rows = [made[at : at + each] for at in range(0, len(made), max(1, each))]
    return LLMResult(generations=rows or [[]], llm_output=_output(call))  # type: ignore[arg-type]  # a list of a kind


def chunk(call: Call, token: Token) -> tuple[str, GenerationChunk | ChatGenerationChunk]:
    """A piece of the answer: its text, empty for what is no text, and the chunk."""
    text = token.text if token.kind == TEXT else ""
    if call.operation == "text_completion":
        return text, GenerationChunk(text=text)
    if token.kind == TEXT:
        message = AIMessageChunk(content=text)
    elif token.kind == REASONING:
        message = AIMessageChunk(content="", additional_kwargs={"reasoning_content": token.text})
    else:
        fragment: Any = {"name": None, "args": token.text, "id": None, "index": None}
        message = AIMessageChunk(content="", tool_call_chunks=[fragment])
    return text, ChatGenerationChunk(message=message)


def _completion(call: Call, run_context: int, parts: list[dict[str, Any]]) -> Generation:
    text = "".join(part["content"] for part in parts if part["type"] == TEXT)
    return Generation(text=text, generation_info={"finish_reason": _reason(call, run_context)})


def _message(call: Call, run_context: int, parts: list[dict[str, Any]]) -> Generation:
    ending = {"finish_reason": _reason(call, run_context)}
    facts = {
        "model_name": _model(call),
        "id": call.response.id,
        "model_provider": call.provider,
        **ending,
    }
    counts = (
        _counts(call.response.usage) if run_context == 0 else None
    )  # counts are of the whole call: told once
    message = spoken(parts, response_metadata=facts, usage_metadata=counts, id=call.response.id)
    return ChatGeneration(message=message, generation_info=ending)


def _reason(call: Call, run_context: int) -> str | None:
    reasons = call.response.finish_reasons
    return reasons[run_context] if run_context < len(reasons) else None


def _model(call: Call) -> str:
    return call.response.model or call.model or ""


def _counts(usage: Usage | None) -> UsageMetadata | None:
    """LangChain's own count, which must have both sides: none where one is unknown."""
    if usage is None or usage.input is None or usage.output is None:
        return None
    total = usage.input + usage.output
    counts = {"input_tokens": usage.input, "output_tokens": usage.output, "total_tokens": total}
    found = cast("UsageMetadata", counts)  # newer checkers take its optional details for required
    read = {
        "cache_read": usage.cache_read,
        "cache_creation": usage.cache_write,
        "audio": usage.input_audio,
    }
    said = {"reasoning": usage.reasoning, "audio": usage.output_audio}
    if known := _known(read):
        found["input_token_details"] = InputTokenDetails(**known)
    if known := _known(said):
        found["output_token_details"] = OutputTokenDetails(**known)
    return found


def _known(counts: dict[str, int | None]) -> Any:
    return {name: value for name, value in counts.items() if value is not None}


def _output(call: Call) -> dict[str, Any]:
    usage = call.response.usage
    found: dict[str, Any] = {"model_name": _model(call), "id": call.response.id}
    if usage is not None and usage.total is not None:
        counts = _known({"prompt_tokens": usage.input, "completion_tokens": usage.output})
        found["token_usage"] = (
            {**counts, "total_tokens": usage.total} if len(counts) == 2 else counts
        )
    return found
