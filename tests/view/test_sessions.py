"""A session as one conversation: each message once, in its turn."""

from __future__ import annotations

import json
from typing import Any

from callspan.export.conversation import Message
from callspan.view import queries
from callspan.view.receiving import keep_documents
from callspan.view.sessions import MOST_CALLS, read_turns
from callspan.view.store import Store

from .lines import chat, message, span

SYSTEM, FIRST, ANSWER, SECOND = (
    message("system", "Be short."),
    message("user", "What do tulips cost?"),
    message("assistant", "14.40"),
    message("user", "And roses?"),
)


def call(number: int, trace: int, messages: list[Any], answer: str, parent: int = 0) -> Any:
    """A chat of the session with these messages and this answer."""
    facts = {
        **chat("", answer),
        "gen_ai.input.messages": json.dumps(messages),
        "session.id": "visit",
    }
    return span(number, "chat m", facts, trace=trace, parent=parent, start=10 * number)


def turns(*documents: Any) -> list[list[str]]:
    """The words of each turn, each with the one who said them."""
    store = Store()
    keep_documents(store, documents)
    traces = queries.find_traces(store, queries.Filter(session="visit"), limit=500)
    turns = read_turns(store, list(reversed(traces)))
    return [[_words(each) for each in turn.messages] for turn in turns]


def _words(message: Message) -> str:
    return f"{message.role}: {message.text}"


def test_each_message_stands_there_once() -> None:
    """A chat sends all of it again with each question."""
    assert turns(
        call(1, 1, [SYSTEM, FIRST], "14.40"),
        call(2, 2, [SYSTEM, FIRST, ANSWER, SECOND], "20"),
    ) == [
        ["system: Be short.", "user: What do tulips cost?", "assistant: 14.40"],
        ["user: And roses?", "assistant: 20"],
    ]


def test_a_question_that_is_asked_again_is_a_turn() -> None:
    assert turns(call(1, 1, [SYSTEM, FIRST], "14.40"), call(2, 2, [SYSTEM, FIRST], "15"))[1] == [
        "user: What do tulips cost?",
        "assistant: 15",
    ]


def test_two_agents_of_one_session_have_a_conversation_each() -> None:
    other = message("user", "Translate: tulip")
    assert turns(
        call(1, 1, [FIRST], "14.40"),
        call(2, 1, [other], "Tulpe"),
        call(3, 2, [FIRST, ANSWER, SECOND], "20"),
        call(4, 2, [other, message("assistant", "Tulpe"), message("user", "rose")], "Rose"),
    )[1] == ["user: And roses?", "assistant: 20", "user: rose", "assistant: Rose"]


def test_what_two_instrumentations_have_seen_stands_there_once() -> None:
    calls = [call(1, 1, [FIRST], "14.40"), call(2, 1, [FIRST], "14.40", parent=1)]
    assert turns(*calls) == [["user: What do tulips cost?", "assistant: 14.40"]]


def test_of_a_long_session_the_newest_calls_are_read() -> None:
    calls = [
        call(number, number, [message("user", f"number {number}")], "yes")
        for number in range(1, MOST_CALLS + 3)
    ]
    words = turns(*calls)
    assert words[:2] == [[], []]
    assert words[2] == ["user: number 3", "assistant: yes"]
    assert len(words[-1]) == 2
