"""A program that makes calls at a steady pace: its arguments are how many, and how many a second."""

import sys
import time

from openai import OpenAI

number, pace = map(int, sys.argv[1:])
ask = [{"role": "user", "content": "How long does a tulip last?"}]

with OpenAI() as client:
    began = time.monotonic()
    for index in range(number):
        wait = began + index / pace - time.monotonic()
        time.sleep(max(0.0, wait))
        client.chat.completions.create(model="gpt-4.1-mini", messages=ask)
