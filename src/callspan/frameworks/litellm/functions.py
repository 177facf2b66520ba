"""LiteLLM's functions that call a model, as data: modules, formats and names of arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace

from callspan.formats.anthropic.messages import MESSAGES
from callspan.formats.cohere.rerank import RERANK
from callspan.formats.format import Format
from callspan.formats.gemini.content import CONTENT
from callspan.formats.gemini.interactions import INTERACTIONS
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.media import IMAGES, SPEECH, TRANSCRIPTION
from callspan.formats.openai.responses import COMPACTION, RESPONSES

_MAIN = "litellm.main"
_RESPONSES = "litellm.responses.main"
_IMAGES = "litellm.images.main"
_RERANK = "litellm.rerank_api.main"
_GOOGLE = "litellm.google_genai.main"
_INTERACTIONS = "litellm.interactions.main"
# its place in newer and in older versions: the one that is not there is skipped
_MESSAGES = (
    "litellm.llms.anthropic.messages.native.handler",
    "litellm.llms.anthropic.experimental_pass_through.messages.handler",
)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of LiteLLM's.

    Attributes:
        module: The module whose name for the function is called.
        name: The function's name.
        wire_format: The format of its request and its answer.
        arguments: The names of its positional arguments.
        inner_flag: The argument by which an asynchronous function marks its call of the plain one.
        native: Whether it speaks the provider's own format: its request is read as LiteLLM sends
            it, and ids and counts in its answer are the provider's.
        streams: Whether it always streams.
        optional: Whether some versions lack it.
    """

    module: str
    name: str
    wire_format: Format
    arguments: tuple[str, ...]
    inner_flag: str = ""
    native: bool = False
    streams: bool = False
    optional: bool = True


def _pair(plain: Function) -> tuple[Function, Function]:
    """Return a plain function and its asynchronous counterpart."""
    # as LiteLLM names all of these
    return plain, replace(plain, name=f"a{plain.name}")


_CONTENT = ("model", "contents", "config", "tools")
_EDITED_IMAGE = ("image", "prompt", "model")
_MESSAGE = ("max_tokens", "messages", "model")

FUNCTIONS: tuple[Function, ...] = (
    *_pair(Function(_MAIN, "completion", CHAT, ("model", "messages"), optional=False)),
    *_pair(Function(_MAIN, "text_completion", COMPLETIONS, ("prompt", "model"), optional=False)),
    *_pair(Function(_MAIN, "embedding", EMBEDDINGS, ("model", "input"), optional=False)),
    *_pair(Function(_RESPONSES, "responses", RESPONSES, ("input", "model"))),
    *_pair(
        Function(
            _RESPONSES, "compact_responses", COMPACTION, ("input", "model"), "acompact_responses"
        )
    ),
    *_pair(Function(_RERANK, "rerank", RERANK, ("model", "query", "documents"))),
    *_pair(Function(_IMAGES, "image_generation", IMAGES, ("prompt", "model"))),
    *_pair(Function(_IMAGES, "image_edit", IMAGES, _EDITED_IMAGE, "async_call")),
    *_pair(Function(_MAIN, "speech", SPEECH, ("model", "input", "voice"), "aspeech")),
    *_pair(Function(_MAIN, "transcription", TRANSCRIPTION, ("model", "file"), "atranscription")),
    *_pair(
        Function(_GOOGLE, "generate_content", CONTENT, _CONTENT, "agenerate_content", native=True)
    ),
    *_pair(
        Function(
            _GOOGLE,
            "generate_content_stream",
            CONTENT,
            _CONTENT,
            "agenerate_content_stream",
            native=True,
            streams=True,
        )
    ),
    *_pair(
        Function(
            _INTERACTIONS,
            "create",
            INTERACTIONS,
            ("model", "agent", "input"),
            "acreate_interaction",
            native=True,
        )
    ),
    *(
        Function(module, "anthropic_messages", MESSAGES, _MESSAGE, native=True)
        for module in _MESSAGES
    ),
)
"""The functions that are watched. One that calls another is reported once."""
