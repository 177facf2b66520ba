"""What other instrumentations of OpenAI's client cost, each newest one in an environment of its own.

Run by `python -m tests.benchmarks --peers`; the environments are made in a cache folder and kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CACHE = Path(os.environ.get("CALLSPAN_CACHE") or Path.home() / ".cache" / "callspan-ci") / "peers"
PEERS: dict[str, tuple[tuple[str, ...], str]] = {
    "callspan": ((str(ROOT),), "import callspan; callspan.instrument(**providers)"),
    "official": (
        ("opentelemetry-instrumentation-genai-openai",),
        "from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor; "
        "OpenAIInstrumentor().instrument(**providers)",
    ),
    "openllmetry": (
        ("opentelemetry-instrumentation-openai",),
        "from opentelemetry.instrumentation.openai import OpenAIInstrumentor; "
        "OpenAIInstrumentor().instrument(**providers)",
    ),
    "openinference": (
        ("openinference-instrumentation-openai",),
        "from openinference.instrumentation.openai import OpenAIInstrumentor; "
        "OpenAIInstrumentor().instrument(tracer_provider=providers['tracer_provider'])",
    ),
    "openlit": (
        ("openlit", "opentelemetry-sdk<1.40"),  # with newer ones it does not import
        "from opentelemetry import metrics, trace; trace.set_tracer_provider(providers['tracer_provider']); "
        "metrics.set_meter_provider(providers['meter_provider']); "
        "import openlit; openlit.init(capture_message_content=False, disable_events=True)",
    ),
    "logfire": (
        ("logfire",),
        "import logfire; logfire.configure(send_to_logfire=False, console=False); logfire.instrument_openai()",
    ),
    "langfuse": (
        ("langfuse",),
        "import os; os.environ.update(LANGFUSE_PUBLIC_KEY='pk', LANGFUSE_SECRET_KEY='sk', "
        "LANGFUSE_BASE_URL='http://127.0.0.1:9'); import langfuse.openai",
    ),
    "ddtrace": (
        ("ddtrace",),
        "import os; os.environ.update(DD_TRACE_AGENT_URL='http://127.0.0.1:9', "
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED='0'); import ddtrace; ddtrace.patch(openai=True)",
    ),
}
"""By name: what to install beside the newest `openai`, and how it is switched on, by its documentation."""
_COMMON = ("openai", "opentelemetry-sdk")


def _python(name: str) -> Path:
    """The interpreter of a peer's environment, made if it is not there."""
    home = CACHE / name
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"{name}: making an environment", file=sys.stderr, flush=True)
        venv.create(home, clear=True, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", *_COMMON, *PEERS[name][0]], check=True
        )
        (home / "ready").touch()
    return python


def main(names: list[str]) -> int:
    """Measure each, one after the other, and print a table."""
    print(f"{'':14} {'a plain call: x floor':>24} {'a chunk: of the bare':>24}  versions")
    failed = False
    for name in names:
        try:
            done = subprocess.run(
                [_python(name), "-m", "tests.benchmarks.peer", name],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            told = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{name:14} {told['call']:24.2f} {told['chunk']:24.1%}  {told['versions']}",
                flush=True,
            )
        except (subprocess.CalledProcessError, ValueError, IndexError) as error:
            failed = True
            last = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
            print(f"{name:14} could not be measured: {' '.join(last)}", flush=True)
    return int(failed)
