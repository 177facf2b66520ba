"""Build LangChain's results and chunks from a call; imported only once LangChain is wanted."""

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
from callspan.frameworks.langchain.message_builder import MessageParts, build_answer

_COMPLETION = "text_completion"


def build_result(call: Call) -> LLMResult:
    """Return the answer as far as it has come. Counts that nobody stated are left out."""
    is_completion = call.operation == _COMPLETION
    build = _completion if is_completion else _message
    generations: list[Generation] = []
    for index, message in enumerate(call.response.messages):
        generations.append(build(call, index, message["parts"]))
    # the choices of a completion are grouped by its prompts; a chat has one group
    group_size = max(1, call.choices if is_completion else len(generations))
    groups: list[Any] = []
    for start in range(0, len(generations), group_size):
        groups.append(generations[start : start + group_size])
    # handlers take `generations[0]` for granted
    return LLMResult(generations=groups or [[]], llm_output=_llm_output(call))


def build_chunk(call: Call, token: Token) -> tuple[str, GenerationChunk | ChatGenerationChunk]:
    """Return a piece of the answer as text and as a chunk; the text of a tool call is empty."""
    text = token.text if token.kind == TEXT else ""
    if call.operation == _COMPLETION:
        return text, GenerationChunk(text=text)
    if token.kind == TEXT:
        message = AIMessageChunk(content=text)
    elif token.kind == REASONING:
        message = AIMessageChunk(content="", additional_kwargs={"reasoning_content": token.text})
    else:
        fragment: Any = {"name": None, "args": token.text, "id": None, "index": None}
        message = AIMessageChunk(content="", tool_call_chunks=[fragment])
    return text, ChatGenerationChunk(message=message)


def _completion(call: Call, index: int, parts: MessageParts) -> Generation:
    text = "".join(part.get("content", "") for part in parts if part["type"] == TEXT)
    return Generation(text=text, generation_info={"finish_reason": _finish_reason(call, index)})


def _message(call: Call, index: int, parts: MessageParts) -> Generation:
    reason = _finish_reason(call, index)
    metadata = {
        "model_name": _model(call),
        "id": call.response.id,
        "model_provider": call.provider,
        "finish_reason": reason,
    }
    # the counts are those of the whole call, so only the first message has them
    usage = _usage_metadata(call.response.usage) if index == 0 else None
    message = build_answer(
        parts, response_metadata=metadata, usage_metadata=usage, id=call.response.id
    )
    return ChatGeneration(message=message, generation_info={"finish_reason": reason})


def _finish_reason(call: Call, index: int) -> str | None:
    reasons = call.response.finish_reasons
    return reasons[index] if index < len(reasons) else None


def _model(call: Call) -> str:
    return call.response.model or call.model or ""


def _usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """Return LangChain's usage, which must have both sides: `None` if one is unknown."""
    if usage is None or usage.input is None or usage.output is None:
        return None
    total = usage.input + usage.output
    counts = {"input_tokens": usage.input, "output_tokens": usage.output, "total_tokens": total}
    # newer checkers take its optional details for required ones
    metadata = cast("UsageMetadata", counts)
    input_details = _without_none(
        {
            "cache_read": usage.cache_read,
            "cache_creation": usage.cache_write,
            "audio": usage.input_audio,
        }
    )
    output_details = _without_none({"reasoning": usage.reasoning, "audio": usage.output_audio})
    if input_details:
        metadata["input_token_details"] = InputTokenDetails(**input_details)
    if output_details:
        metadata["output_token_details"] = OutputTokenDetails(**output_details)
    return metadata


def _without_none(counts: dict[str, int | None]) -> Any:
    return {name: value for name, value in counts.items() if value is not None}


def _llm_output(call: Call) -> dict[str, Any]:
    output: dict[str, Any] = {"model_name": _model(call), "id": call.response.id}
    usage = call.response.usage
    if usage is None or usage.total is None:
        return output
    counts = _without_none({"prompt_tokens": usage.input, "completion_tokens": usage.output})
    # a total of one side alone would be wrong
    if len(counts) == 2:
        counts["total_tokens"] = usage.total
    output["token_usage"] = counts
    return output
