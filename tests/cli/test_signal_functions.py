"""The functions by which a program signals itself are what they were, though callspan is asked before they act."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import ASK, Command

BEHAVIOUR = """
import copy, inspect, os, pickle, signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

class Process:
    kill = os.kill

def refusal(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return type(error).__name__

def behaviour(function, *arguments):
    return (
        pickle.loads(pickle.dumps(function)) is function,
        copy.copy(function) is copy.deepcopy(function) is function,
        function.__name__,
        str(inspect.signature(function)),
        inspect.isbuiltin(function),
        function(*arguments),
        refusal(function),
        refusal(function, "1", []),
        refusal(function, [], 0),
    )

def main():
    before = {CALL}
    assert before == 1
    print(behaviour(os.kill, os.getpid(), 0))
    print(behaviour(signal.raise_signal, signal.SIGCHLD))
    print(Process().kill(os.getpid(), 0))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        print(pool.submit(os.kill, os.getpid(), 0).result())

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "call", ["1", "len(__import__('ask').ask().choices)"], ids=["no call", "call"]
)
def test_they_copy_pickle_and_refuse_as_they_do(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], call: str
) -> None:
    """Under `callspan run` a program prints of them what it prints without."""
    write("ask.py", ASK)
    write("app.py", BEHAVIOUR.replace("{CALL}", call))
    plain = callspan("run", "app.py", env={**openai_variables, "OTEL_SDK_DISABLED": "true"})
    watched = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert (plain.returncode, watched.returncode) == (0, 0), (plain.stderr, watched.stderr)
    assert plain.stdout == watched.stdout
