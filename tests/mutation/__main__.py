"""Change modules at random, a place at a time, and run the tests that guard each; exit with 1 where a change survives.

python -m tests.mutation [--list] [--only MODULE]... [--sample N] [--seed N] [--again] [--write PAGE]

A change that no test can see, as it is equal in meaning, stands with its reason in `tests/mutation/equal.yaml`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.matrix.environment import ROOT

from .mutants import Mutant, sample
from .page import write
from .results import EQUAL, KILLED, SURVIVED, Outcome, Results, equal_changes
from .rows import TARGETS, Target
from .trial import Trial

SAMPLE, SEED = 30, 15
PATIENCE = 3
"""How many times as long as without a change tests may take, for a change can make a loop endless."""


def main() -> int:
    """Try the modules that are asked for."""
    options = _options()
    targets = [target for target in TARGETS if not options.only or target.module in options.only]
    if options.list or not targets:
        print("\n".join(target.module for target in TARGETS))
        return 0 if options.list else 2
    results = Results.read()
    with tempfile.TemporaryDirectory(prefix="callspan-mutation-") as folder:
        trial = Trial(Path(folder))
        for target in targets:
            mutants = sample(
                (ROOT / target.source).read_text(encoding="utf-8"),
                options.sample,
                _seed(options, target),
            )
            earlier = results.killed(target.module) if options.again else set()
            results.keep(target.module, _try(trial, target, mutants, earlier))
    if options.write:
        names = [target.module for target in TARGETS]
        write(options.write, results.modules, names, equal_changes())
    return 1 if any(results.survivors(target.module) for target in targets) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="print the modules and change none")
    parser.add_argument(
        "--only", action="append", metavar="MODULE", help="a module of the list; can be repeated"
    )
    parser.add_argument(
        "--sample", type=int, default=SAMPLE, metavar="N", help="changes of each module"
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, metavar="N", help="the same number, the same changes"
    )
    parser.add_argument(
        "--again", action="store_true", help="only what was not killed the last time"
    )
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="write the last results into a page"
    )
    return parser.parse_args()


def _seed(options: argparse.Namespace, target: Target) -> str:
    return f"{options.seed} {target.source.name}"  # a module that moves keeps its changes


def _try(
    trial: Trial, target: Target, mutants: list[Mutant], earlier: set[tuple[str, str]]
) -> list[Outcome]:
    """Run the tests of a module with each change; what was killed earlier is taken to be so still."""
    passed, _ = trial.passes(target.arguments, 600)
    passed_again, seconds = trial.passes(target.arguments, 600)
    if not (passed and passed_again):
        print(trial.log.read_text(encoding="utf-8")[-3000:])
        raise SystemExit(f"the tests of {target.module} fail without a change")
    _say(f"{target.module}: {len(mutants)} changes, {seconds:.1f} s each at most")
    equal = equal_changes()
    outcomes: list[Outcome] = []
    for mutant in mutants:
        change = (mutant.was, mutant.becomes)
        survives = change not in earlier and _survives(
            trial, target, mutant, PATIENCE * seconds + 10
        )
        state = KILLED
        if survives:
            state = EQUAL if change in equal else SURVIVED
        elif change in equal:
            print(f"  a test sees what is said to be equal: {mutant.was}  ->  {mutant.becomes}")
        if state == SURVIVED:
            print(f"  line {mutant.line}: {mutant.was}\n       became {mutant.becomes}", flush=True)
        outcomes.append(Outcome(mutant.line, mutant.was, mutant.becomes, state))
    survived = sum(outcome.state == SURVIVED for outcome in outcomes)
    _say(f"{target.module}: {survived} of {len(outcomes)} survive")
    return outcomes


def _survives(trial: Trial, target: Target, mutant: Mutant, seconds: float) -> bool:
    passed, _ = trial.passes_with(target.source, mutant.source, target.arguments, seconds)
    return passed


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
