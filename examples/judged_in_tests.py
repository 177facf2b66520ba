"""A test run over the answers of a model: each check is recorded beside the answer that it is of.

OPENAI_API_KEY=... python examples/judged_in_tests.py
"""

import os
import sys
from collections.abc import Iterator

import openai
import pytest

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
CASES = {
    "vase": "Which flowers last longest in a vase?",
    "birthday": "Which flowers for a birthday?",
}


@pytest.fixture(scope="session")
def client() -> Iterator[openai.OpenAI]:
    """A client whose calls are recorded for the whole run."""
    callspan.configure(console=True)
    callspan.instrument()
    with openai.OpenAI() as client:
        yield client
    callspan.flush()


def check(name: str, passes: bool) -> None:
    """Record a check of the answer in force, then fail the test if it does not pass."""
    label = "pass" if passes else "fail"
    callspan.evaluation(name, score=float(passes), label=label)
    print(f"{name}: {label}")
    assert passes, name


@pytest.mark.parametrize("case", CASES)
def test_answer(client: openai.OpenAI, case: str) -> None:
    """The answer is there, and short enough for a card."""
    messages: list = [{"role": "user", "content": CASES[case]}]
    # what is checked in the block belongs to the span of the workflow
    with callspan.workflow("card"), callspan.attributes(case=case):
        answer = client.chat.completions.create(model=MODEL, messages=messages)
        text = answer.choices[0].message.content or ""
        check("answered", bool(text))
        check("short enough", len(text) < 2000)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-s", "-p", "no:cacheprovider"]))
