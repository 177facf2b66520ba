"""The conversation of a call, where the code around names it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from callspan.events import Call
from callspan.runtime.plain import valid
from callspan.runtime.scope import context as current_context
from callspan.semconv import names

# a private module of opentelemetry-util-genai 1.3b0, which has the key that the official packages
# carry an id by; the key is random, so it must be read there (tests/test_conversations.py)
_OFFICIAL = "opentelemetry.util.genai._conversation_context"


def may_be_ambient() -> bool:
    """Whether an official package may have put the id of a conversation into the context."""
    return _OFFICIAL in sys.modules


def attributes_with_id(call: Call, context: Any) -> Mapping[str, Any]:
    """Return the user attributes of a call with the id of its conversation.

    What the app says by `attributes()` counts first, then what the request or the framework says,
    then what an official package says in the call's context (`None` for the current one). An
    operation for which the conventions have no conversation gets no id.
    """
    attributes = call.attributes
    if not call.facts.has_conversation:
        return {key: value for key, value in attributes.items() if key != names.CONVERSATION_ID}
    if names.CONVERSATION_ID in attributes or _has_own(call):
        return attributes
    ambient = _ambient_id(context)
    if ambient is None:
        return attributes
    return {**attributes, names.CONVERSATION_ID: ambient}


def _has_own(call: Call) -> bool:
    if call.framework is not None and call.framework.conversation_id:
        return True
    return "conversation_id" in call.parameters


def _ambient_id(context: Any) -> str | None:
    key = getattr(sys.modules.get(_OFFICIAL), "CONVERSATION_ID_KEY", None)
    if key is None:
        return None
    if context is None:
        context = current_context()
    value = context.get(key)
    if isinstance(value, str):
        return valid(value)
    return None
