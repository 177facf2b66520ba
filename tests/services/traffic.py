"""A program that makes a call of each kind for each line on stdin, and prints how long they took, in seconds."""

import contextlib
import sys
import time

import openai
from openai import OpenAI

import callspan

ask = [{"role": "user", "content": "How long does a tulip last?"}]

with OpenAI() as client:
    for _ in sys.stdin:
        began = time.perf_counter()
        client.chat.completions.create(model="gpt-4.1-mini", messages=ask)
        wanted = {"stream": True, "stream_options": {"include_usage": True}}
        for _chunk in client.chat.completions.create(model="gpt-4.1-mini", messages=ask, **wanted):
            pass
        client.chat.completions.create(model="busy-model", messages=ask)
        client.embeddings.create(model="text-embedding-3-small", input=["tulip"])
        with contextlib.suppress(openai.NotFoundError):
            client.chat.completions.create(model="no-such-model", messages=ask)
        # what no provider counts is estimated, and a budget stops what would be too much
        for _chunk in client.chat.completions.create(
            model="gpt-4.1-mini", messages=ask, stream=True
        ):
            pass
        with contextlib.suppress(callspan.BudgetExceeded), callspan.budget(calls=1):
            client.chat.completions.create(model="gpt-4.1-mini", messages=ask)
            client.chat.completions.create(model="gpt-4.1-mini", messages=ask)
        print(f"{time.perf_counter() - began:.6f}", flush=True)
