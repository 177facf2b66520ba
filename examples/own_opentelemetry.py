"""An app that has set up OpenTelemetry: callspan's spans go where its own go, as children of what is current.

OPENAI_API_KEY=... python examples/own_opentelemetry.py
"""

import os

import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

import callspan

MODEL = os.environ.get("FLOWER_SHOP_MODEL", "gpt-4.1-mini")


def _id(context: trace.SpanContext | None) -> str:
    return f"{context.span_id:x}" if context else "nobody"


def main() -> None:
    provider = TracerProvider()
    line = ConsoleSpanExporter(formatter=lambda span: f"{span.name}, child of {_id(span.parent)}\n")
    provider.add_span_processor(SimpleSpanProcessor(line))
    trace.set_tracer_provider(provider)

    callspan.instrument()
    with trace.get_tracer("shop").start_as_current_span("order") as order:
        print(f"the order is {_id(order.get_span_context())}")
        client = openai.OpenAI()
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Twelve roses, please."}]
        )


if __name__ == "__main__":
    main()
