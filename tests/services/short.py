"""A program that makes as many calls as its first argument says, and ends.

Its second argument is the model; `unstated` stands for streams whose tokens no provider states.
"""

import contextlib
import sys

import openai
from openai import OpenAI

number = int(sys.argv[1])
model = sys.argv[2] if len(sys.argv) > 2 else "gpt-4.1-mini"
ask = [{"role": "user", "content": "How long does a tulip last?"}]

with OpenAI() as client:
    for _ in range(number):
        if model == "unstated":
            for _chunk in client.chat.completions.create(
                model="gpt-4.1-mini", messages=ask, stream=True
            ):
                pass
            continue
        with contextlib.suppress(openai.NotFoundError):
            client.chat.completions.create(model=model, messages=ask)
