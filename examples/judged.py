"""A second model judges each answer, and its verdict is recorded beside the call.

OPENAI_API_KEY=... python examples/judged.py
"""

import json
import os

import openai

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")
QUESTION = "Which flowers last longest in a vase?"
JUDGE = """Does the answer help somebody who asks the question? Write JSON alone, such as
{"score": 0.8, "label": "helpful", "explanation": "It names two flowers."}."""


class LastCall:
    """Keeps the latest call, so that something can be said of it."""

    call: callspan.Call

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        self.call = call


def ask(client: openai.OpenAI, text: str) -> str:
    messages: list = [{"role": "user", "content": text}]
    answer = client.chat.completions.create(model=MODEL, messages=messages)
    return answer.choices[0].message.content or ""


def judge(client: openai.OpenAI, answer: str, call: callspan.Call) -> None:
    """Ask the judge, and record the verdict, or that there is none."""
    text = ask(client, f"{JUDGE}\n\nQuestion: {QUESTION}\n\nAnswer: {answer}")
    try:
        verdict = json.loads(text)
        score, label = float(verdict["score"]), str(verdict["label"])
    except (ValueError, KeyError, TypeError) as error:
        # a model does not always do as it is told
        callspan.evaluation("helpfulness", error=error, call=call)
        print("the judge gave no verdict")
        return
    # the explanation may quote the answer: it is recorded only with `capture`
    explanation = str(verdict.get("explanation", ""))
    callspan.evaluation("helpfulness", score=score, label=label, explanation=explanation, call=call)
    print(f"the judge says: {label} ({score})")


def main() -> None:
    callspan.configure(console=True)
    callspan.instrument()
    last = LastCall()
    with openai.OpenAI() as client, callspan.workflow("judged answer"):
        with callspan.use_handlers(last):
            answer = ask(client, QUESTION)
        print(answer)
        judge(client, answer, last.call)


if __name__ == "__main__":
    main()
