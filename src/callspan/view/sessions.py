"""A session as one conversation: what each of its traces adds to what was said before."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callspan.export.conversation import (
    Conversation,
    Message,
    count_repeated,
    read_conversation,
)
from callspan.view.store import Store

MOST_CALLS = 300
"""How many calls of a session are read, the newest."""
_EARLIER = 20
"""How many calls before one are looked through for the messages that it repeats."""
_CALLS = """
SELECT trace_id, attributes FROM spans JOIN bodies USING (id)
WHERE counts AND trace_id IN ({}) ORDER BY start DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One trace of a session.

    Attributes:
        trace: Its row in the table of traces.
        messages: What it adds to the conversation; none where nothing was captured, or is left out.
    """

    trace: sqlite3.Row
    messages: Sequence[Message]


def read_turns(store: Store, traces: Sequence[sqlite3.Row]) -> list[Turn]:
    """Return the turns of a session.

    Args:
        store: Where the spans are.
        traces: The session's traces, the oldest first.
    """
    ids = [trace["trace_id"] for trace in traces]
    query = _CALLS.format(", ".join("?" * len(ids)))
    rows = store.rows(query, *ids, MOST_CALLS)
    messages: dict[str, list[Message]] = {trace_id: [] for trace_id in ids}
    earlier: deque[Conversation] = deque(maxlen=_EARLIER)
    for row in reversed(rows):
        conversation = read_conversation(json.loads(row["attributes"]))
        messages[row["trace_id"]] += _new_messages(conversation, earlier)
        earlier.append(conversation)
    return [Turn(trace, messages[trace["trace_id"]]) for trace in traces]


def _new_messages(conversation: Conversation, earlier: Sequence[Conversation]) -> Iterator[Message]:
    """Yield what a call adds to those before it, one of which it may go on from."""
    # several agents of one session have a conversation each, so the call before may be another's
    repeated = max((_count_known(each, conversation) for each in earlier), default=0)
    yield from conversation.sent[repeated:]
    yield from conversation.received


def _count_known(earlier: Conversation, later: Conversation) -> int:
    """Return how many of a call's first messages stand in the session already."""
    repeated = count_repeated(earlier, later)
    goes_on = len(earlier.sent) <= repeated < len(later.sent)
    if goes_on:
        return repeated
    # a question that is asked anew is one more turn, though with the same instructions
    instructions = itertools.takewhile(
        lambda message: message.role == "system", later.sent[:repeated]
    )
    return len(list(instructions))
