"""One `/metrics` for all processes of a program: the sums of those that run and of those that have ended."""

from __future__ import annotations

import pytest

from export.conftest import Program

START = """
import pathlib, signal, tempfile, time, urllib.request
from prometheus_client import REGISTRY, Counter, Gauge
from opentelemetry import metrics

tempfile.tempdir = os.getcwd()
depth = Gauge("app_depth", "A gauge of the app's own")
jobs = Counter("app_jobs", "A counter of the app's own")

def lines(*names):
    url = providers.describe()[0].removeprefix("prometheus: ")
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    return sorted(line for line in text.splitlines() if line.startswith(names))

def value(name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines(name))

def wait_for(name, wanted):
    deadline = time.monotonic() + 60
    while value(name) != wanted:
        assert time.monotonic() < deadline, (name, value(name), wanted)
        time.sleep(0.05)

providers.setup(Destinations(prometheus=":0"))
active = metrics.get_meter("app").create_up_down_counter("active")
"""


def test_counts_of_children_are_added_and_stay(program: Program) -> None:
    """A child's counts are there when it has ended; what the parent had before the fork counts once."""
    ran = program(
        START
        + """
call("parent")
jobs.inc(2)
for _ in range(3):
    if os.fork() == 0:
        call("child")
        call("child")
        jobs.inc()
        sys.exit()
    os.wait()
    print(value("calls_total"), value("app_jobs_total"))
    print(value("calls_total"), len(list(pathlib.Path().glob("callspan-metrics-*/*/*.lock"))))
"""
    )
    # a forked child has a copy of the app's own counters, so these are not added up
    rows = ["3.0 2.0", "3.0 1", "5.0 2.0", "5.0 1", "7.0 2.0", "7.0 1"]
    assert ran.stdout.splitlines() == rows
    assert ran.stderr == ""


def test_gauges_of_running_processes_are_told_apart_and_running_calls_added(
    program: Program,
) -> None:
    """A gauge cannot be added up, so it has the process as a label; both go with their process."""
    ran = program(
        START
        + """
call("parent")
depth.set(3)
active.add(1)
child = os.fork()
if child == 0:
    depth.set(5)
    active = metrics.get_meter("app").create_up_down_counter("active")
    active.add(2)
    signal.pause()
wait_for("active", 3)
names = {str(os.getpid()): "parent", str(child): "child"}
for line in lines("app_depth"):
    pid = line.split('"')[1]
    print(names[pid], line.replace(pid, "PID"))
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
print(lines("app_depth"), value("active"), len(lines("target_info")))
"""
    )
    assert sorted(ran.stdout.splitlines()[:2]) == [
        'child app_depth{pid="PID"} 5.0',
        'parent app_depth{pid="PID"} 3.0',
    ]
    assert ran.stdout.splitlines()[2] == "['app_depth 3.0'] 1.0 1"


@pytest.mark.parametrize(
    "end", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)", "sys.exit()"]
)
def test_another_process_serves_when_the_one_that_did_has_ended(program: Program, end: str) -> None:
    """It has the counts of the one that was killed, up to the last time that they were read."""
    ran = program(
        START
        + """
call("parent")
url = providers.describe()
ready, said = os.pipe()
child = os.fork()
if child:
    wait_for("calls_total", 3)
    os.write(said, b".")
    END
call("child")
call("child")
os.read(ready, 1)
while True:
    try:
        wait_for("calls_total", 3)
        break
    except OSError:
        time.sleep(0.05)
print(providers.describe() == url, value("calls_total"))
""".replace("END", end)
    )
    assert ran.stdout == "True 3.0\n"
    assert ran.stderr == ""


def test_the_last_process_removes_the_folder(program: Program) -> None:
    ran = program(
        START
        + """
import atexit
call("parent")
if os.fork() == 0:
    call("child")
    sys.exit()
os.wait()
lines("calls")
folder, = pathlib.Path().glob("callspan-metrics-*")
print(oct(folder.stat().st_mode & 0o777), flush=True)
providers.shutdown()
print(list(pathlib.Path().glob("callspan-metrics-*")))
"""
    )
    assert ran.stdout == "0o700\n[]\n"


SIBLINGS = """
import socket
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    ADDRESS = "127.0.0.1:" + str(free.getsockname()[1])

def child(code):
    if os.fork() == 0:
        providers.setup(Destinations(prometheus=ADDRESS))
        call("child")
        code()
        sys.exit()
"""


def test_processes_that_are_set_up_one_by_one_share_an_address(program: Program) -> None:
    """Workers of gunicorn each call `configure()`: the port that the first has is no error for the others."""
    ran = program(
        START.replace('providers.setup(Destinations(prometheus=":0"))', "")
        + SIBLINGS
        + """
ready, done = os.pipe()
serves, up = os.pipe()

def stay():
    os.write(up, b".")
    os.read(ready, 1)

for _ in range(2):
    child(stay)
    os.read(serves, 1)
if os.fork() == 0:
    providers.setup(Destinations(prometheus=ADDRESS))
    call("child")
    wait_for("calls_total", 3)
    print(value("calls_total"), flush=True)
    sys.exit()
os.waitpid(-1, 0)
os.write(done, b"..")
os.wait(), os.wait()
print(list(pathlib.Path().glob("callspan-metrics-*")))
"""
    )
    assert ran.stdout == "3.0\n[]\n"
    assert ran.stderr == ""


def test_the_next_program_of_a_shell_begins_with_no_counts(program: Program) -> None:
    """Processes that were killed leave files, which are not those of the next ones."""
    ran = program(
        START.replace('providers.setup(Destinations(prometheus=":0"))', "")
        + SIBLINGS
        + """
child(lambda: (value("calls_total"), os.kill(os.getpid(), signal.SIGKILL)))
os.wait()
child(lambda: print(value("calls_total")))
os.wait()
print(list(pathlib.Path().glob("callspan-metrics-*")))
"""
    )
    assert ran.stdout == "1.0\n[]\n"
