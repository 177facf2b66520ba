"""Read what goes into graphs, agents and chains, and what comes out, as questions and answers.

Most states of LangGraph hold messages; any other input or output is one text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.values import as_text
from callspan.decorators.operation_types import WORKFLOW
from callspan.events import TEXT, Content, Message, Part
from callspan.formats.fields import get
from callspan.frameworks.langchain.message_reader import read_messages, role_of
from callspan.frameworks.langchain.result_reader import message_parts

OPERATIONS = ("invoke_agent", "invoke_workflow")
"""The operations that have a question and an answer; what passes through a node is on its calls."""
State = Any
"""The input or the output of a run: a state of the app's own type, messages, a text, anything."""
Item = Any
"""A message in one of the forms that LangChain takes: an object, a dict, a pair or a text."""


def question(state: State) -> Content:
    """Return the input of a run as content: its messages, else all of it as a user's text."""
    source = _messages(state)
    if source is None:
        return WORKFLOW.read_arguments(state)
    return Content([_message(each) for each in source])


def answer(state: State) -> list[Part]:
    """Return the output of a run as parts: the last message if a model said it, else all of it."""
    source = _messages(state)
    if source and role_of(source[-1]) == "assistant":
        return message_parts(source[-1])
    if isinstance(state, Mapping) and len(state) == 1:
        # the name of the only field is the program's word, and no part of the answer
        state = next(iter(state.values()))
    if state is None:
        return []
    return [Part(TEXT, as_text(state))]


def _messages(state: State) -> list[Item] | None:
    """Return the messages of a state; `None` if it has none."""
    if _is_object(state):
        return [state]
    source = state
    if not isinstance(state, (list, str)):
        source = get(state, "messages")
    if not isinstance(source, list) or not source:
        return None
    # other lists, such as texts of the app's, are no conversation
    return source if all(map(_is_message, source)) else None


def _is_message(item: Item) -> bool:
    if isinstance(item, (tuple, list)):
        return len(item) == 2 and all(isinstance(each, str) for each in item)
    if isinstance(item, Mapping):
        return "content" in item and ("role" in item or "type" in item)
    return _is_object(item)


def _is_object(item: Item) -> bool:
    """Whether an object is a message of LangChain's, by the fields that all of them have."""
    return hasattr(item, "content") and hasattr(item, "response_metadata")


def _message(item: Item) -> Message:
    if isinstance(item, (tuple, list)):
        role, text = item
        item = {"role": role, "content": text}
    [message] = read_messages([item])
    return message
