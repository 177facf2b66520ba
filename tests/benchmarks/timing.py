"""CPU seconds, the least of many rounds in which the actions take turns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence


def fastest(actions: Sequence[Callable[[], object]], rounds: int, times: int) -> list[float]:
    """The least CPU seconds of each action."""
    best = [float("inf")] * len(actions)
    for action in actions:
        action()
    gc.collect()
    for _ in range(rounds):
        for place, action in enumerate(actions):
            began = time.process_time()
            for _ in range(times):
                action()
            best[place] = min(best[place], (time.process_time() - began) / times)
    return best
