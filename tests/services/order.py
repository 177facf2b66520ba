"""A program with a span of its own around each call of a model; it prints how long each call took, in seconds.

Its arguments: how many orders, how many seconds to wait after each (0), and how long the customer's wish is (10).
"""

import sys
import time

from openai import OpenAI
from opentelemetry import trace

number, pause, length = (float(word) for word in (*sys.argv[1:], *("1", "0", "10")[len(sys.argv) - 1 :]))
tracer = trace.get_tracer("flower.orders")

with OpenAI() as client:
    for order in range(int(number)):
        told = {"order.number": order, "order.from": "ada@example.com by card 4111 1111 1111 1111"}
        with tracer.start_as_current_span("take an order", attributes=told):
            began = time.perf_counter()
            client.chat.completions.create(
                model="gpt-4.1-mini", messages=[{"role": "user", "content": "A rose? " + "x" * int(length)}]
            )
            took = time.perf_counter() - began
        print(f"{took:.6f}", flush=True)
        time.sleep(pause)
