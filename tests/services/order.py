"""A program with a span of its own around each call of a model.

Each line on stdin is an order. It prints how long the call took, in seconds. Its argument: how long a wish is (10).
"""

import sys
import time

from openai import OpenAI
from opentelemetry import trace

wish = "A rose? " + "x" * int(sys.argv[1] if len(sys.argv) > 1 else 10)
tracer = trace.get_tracer("flower.orders")

with OpenAI() as client:
    for number, _ in enumerate(sys.stdin):
        told = {"order.number": number, "order.from": "ada@example.com by card 4111 1111 1111 1111"}
        with tracer.start_as_current_span("take an order", attributes=told):
            began = time.perf_counter()
            client.chat.completions.create(
                model="gpt-4.1-mini", messages=[{"role": "user", "content": wish}]
            )
            took = time.perf_counter() - began
        print(f"{took:.6f}", flush=True)
