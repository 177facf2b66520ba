"""Counts cases of the bare program, or with an instrumentation; started by instructions.py.

python -m tests.benchmarks.contender CONTENDER CASE ...
"""

from __future__ import annotations

import gc
import sys

from tests.benchmarks.callgrind import Counter
from tests.benchmarks.cases import CASES
from tests.benchmarks.floor import Sdk
from tests.benchmarks.peers import PEERS

BARE = "bare"
"""The contender that has no instrumentation."""
WARMING = 10
"""How often an action runs before it is counted, so that what is kept ready is ready."""


def main(contender: str, names: list[str]) -> None:
    """Count the named cases of one contender."""
    counter = Counter()
    cases = [case for case in CASES if case.name in names]
    if contender != BARE:
        exec(PEERS[contender][1], {"providers": Sdk(True).providers()})
    for case in cases:
        action = case.make()
        for _ in range(min(WARMING, case.times)):
            action()
        # garbage of the set-up would be collected at the expense of the first repetitions
        gc.collect()
        counter.count(case.name, action, case.times)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
