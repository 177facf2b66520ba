"""What the model server answers to each model, and how a call of it has to end: both sides of the test read it here."""

from __future__ import annotations

import sys

from callspan.testing.modelserver import Reply

ANSWERS = {
    "failing-model": Reply(status=500),
    "busy-model": Reply(status=429),
    "cut-model": Reply(cut_after=2),
    "breaking-model": Reply(error_after=3),
    "slow-model": Reply(delay=1.0),
}
"""Models that are not here get the default answer."""

BETWEEN_CHUNKS = "cancelled" if sys.version_info >= (3, 11) else "abandoned"
"""How a task ends its call that is cancelled between two chunks: before 3.11 it cannot be told."""

ENDS = {
    "plain-model": "completed",
    "read-model": "completed",
    "embedding-model": "completed",
    "no-such-model": "error",
    "left-model": "abandoned",
    "unread-model": "abandoned",
    "stopped-model": BETWEEN_CHUNKS,
    "slow-model": "cancelled",
    **dict.fromkeys(("failing-model", "busy-model", "cut-model", "breaking-model"), "error"),
}
WITHOUT_TOKENS = {model for model, end in ENDS.items() if end != "completed"}
"""Models whose calls end before the program is told of tokens, whatever the server has sent."""
