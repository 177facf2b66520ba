"""A worker of Celery: what its processes recorded arrives, though its pool ends them by `os._exit`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer
from receiver import Receiver

from .conftest import ASK, COMMAND, SECONDS, environment

pytest.importorskip("celery", reason="a worker of the real Celery runs")
TASKS = 4
APP = """
from celery import Celery
app = Celery("shop", broker="filesystem://")
# one folder for both ways, so that the sender writes where the worker reads
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}

@app.task(ignore_result=True)
def ask():
    from ask import ask as ask_model
    ask_model()
"""
EARLY = f"import ask\n{APP}"
"""The main process has loaded the client before it forks; else each child loads it in its first task."""
SEND = f"""
from shop import ask
for _ in range({TASKS}):
    ask.delay()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the pool forks")
@pytest.mark.parametrize("app", [EARLY, APP], ids=["early", "late"])
def test_each_process_of_a_worker_brings_out_what_it_has(
    folder: Path, write, model: ModelServer, openai_variables: dict[str, str], app: str
) -> None:
    """Each child has one task and ends; nothing is sent before that, as the intervals are long."""
    write("ask.py", ASK)
    write("shop.py", app)
    write("send.py", SEND)
    (folder / "queue").mkdir()
    (folder / "control").mkdir()
    with Receiver() as receiver:
        env = environment(
            **openai_variables,
            PYTHONPATH=str(folder),
            OTEL_BSP_SCHEDULE_DELAY="600000",
            OTEL_METRIC_EXPORT_INTERVAL="600000",
        )
        subprocess.run([sys.executable, "send.py"], cwd=folder, env=env, check=True)
        worker = [sys.executable, "-m", "celery", "-A", "shop", "worker"]
        options = ["--pool", "prefork", "--concurrency", "2", "--max-tasks-per-child", "1"]
        command = [*COMMAND, "run", "--otlp", receiver.url, *worker, *options]
        with subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            deadline = time.monotonic() + SECONDS
            # a child sends at its end, which follows its one task
            while sum(receiver.ends.values()) < TASKS and time.monotonic() < deadline:
                time.sleep(0.1)
            process.terminate()
            process.wait(SECONDS)
    assert len(model.requests) == sum(receiver.ends.values()) == TASKS
    assert sum(receiver.metric_tokens.values()) == sum(receiver.span_tokens.values()) > 0
    assert len(receiver.instances) == TASKS
