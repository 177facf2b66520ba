"""Metrics served to Prometheus."""

from __future__ import annotations

import inspect
import socket
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.view import View

from export.conftest import Program

LIMITS_SERIES = "aggregation_cardinality_limit" in inspect.signature(View).parameters
"""Whether this version of the SDK merges series past a limit; versions of 2025 keep all of them."""

GET = """
import urllib.request

def scraped():
    (line,) = [line for line in providers.describe() if line.startswith("prometheus")]
    with urllib.request.urlopen(line.split()[1]) as answer:
        return [line for line in answer.read().decode().splitlines() if line.startswith("calls_total")]
"""


def test_metrics_are_served_on_loopback_and_once(program: Program) -> None:
    ran = program(
        GET
        + """
for _ in range(3):
    providers.setup(Destinations(prometheus=":0"))
    call("one")
(found,) = scraped()
print(found.rsplit(" ", 1)[1], providers.describe())
providers.setup(Destinations(prometheus=":0", file="t.jsonl"))
call("one")
(found,) = scraped()
print(found.rsplit(" ", 1)[1])
"""
    )
    assert ran.stderr == ""
    assert ran.stdout.startswith("3.0 ['prometheus: http://127.0.0.1:")
    assert ran.stdout.splitlines()[1] == "1.0"  # another set of readers is another set of sums


def test_a_taken_port_is_an_error_of_the_program(program: Program) -> None:
    """Where the operator asked for it, another process of the same program has it: the next one is served."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = program(
            """
            try:
                providers.setup(Destinations(prometheus=sys.argv[1]))
            except ValueError as error:
                print(type(error).__name__, error)
            providers.setup(Destinations(prometheus=sys.argv[1]), strict=False)
            call("works")
            print(os.getpid(), providers.describe()[0].removeprefix("prometheus: "))
            """,
            str(port),
        )
    refusal, place = ran.stdout.splitlines()
    assert refusal.startswith(f"ConfigurationError Prometheus cannot be served on 127.0.0.1:{port}")
    assert refusal.endswith("choose another port")
    pid, url = place.split()
    assert url != f"http://127.0.0.1:{port}/metrics"
    assert ran.stderr == (
        f"callspan: Prometheus: process {pid} serves its metrics on {url},"
        f" as 127.0.0.1:{port} is taken\n"
    )


def test_an_address_that_cannot_be_served_costs_a_number(program: Program) -> None:
    """It is no address of this machine, so no other port of it helps."""
    ran = program("""
        providers.setup(Destinations(prometheus="192.0.2.1:9464"), strict=False)
        call("works")
        print(providers.describe())
    """)
    assert ran.stdout == "['prometheus: not served on 192.0.2.1:9464']\n"
    first, last = ran.stderr.splitlines()
    assert first.endswith("the metrics of this process are not there")
    # what was lost is a number, at exit
    assert last.startswith("callspan: 1 metric could not be served on 192.0.2.1:9464")


def test_a_missing_extra_is_one_line(program: Program) -> None:
    ran = program("""
        sys.modules["opentelemetry.exporter.prometheus"] = None
        try:
            providers.setup(Destinations(prometheus=":0"))
        except ValueError as error:
            print(error)
    """)
    assert ran.stdout == "--prometheus needs the extra: pip install 'callspan[prometheus]'\n"


def test_a_child_serves_its_own_metrics_where_no_folder_can_be_shared(program: Program) -> None:
    """Without what its parent counted until the fork; the parent's port stays the parent's."""
    ran = program("""
        import urllib.request
        from callspan.export import prometheus_group
        prometheus_group.new_folder = lambda: ""
        def calls():
            url = providers.describe()[0].removeprefix("prometheus: ")
            with urllib.request.urlopen(url) as answer:
                lines = answer.read().decode().splitlines()
            print(url in seen, [line.split()[1] for line in lines if line.startswith("calls_total")], flush=True)
            seen.append(url)
        seen = []
        providers.setup(Destinations(prometheus=":0"))
        call("parent")
        calls()
        child = os.fork()
        if child == 0:
            call("child")
            call("child")
            calls()
            sys.exit()
        os.wait()
        calls()
        print(child)
    """)
    *counts, child = ran.stdout.splitlines()
    assert counts == ["False ['1.0']", "False ['2.0']", "True ['1.0']"]
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stderr.startswith(f"callspan: Prometheus: process {child} serves its metrics on ")


SERVED = """
import contextlib, http.client, socket, threading

providers.setup(Destinations(prometheus=":0"))
call("one")
port = int(providers.describe()[0].rsplit(":", 1)[1].split("/")[0])

def asked(method, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read()
"""


def test_connections_that_say_nothing_take_no_threads_and_hold_up_no_scrape(
    program: Program,
) -> None:
    ran = program(
        SERVED
        + """
threads = threading.active_count()
half_open = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
for each in half_open[::2]:
    with contextlib.suppress(OSError):  # it is closed already
        each.send(b"GET /metrics HT")
answer, body = asked("GET", "/metrics")
print(answer.status, b"calls_total" in body, threading.active_count() - threads)

def rest(connection):
    connection.settimeout(30)
    try:
        return connection.recv(1)
    except ConnectionResetError:  # the server closed it before it had read what was sent
        return b""

print({rest(each) for each in half_open})  # all are closed, most of them early, and the last in five seconds
"""
    )
    assert (ran.stdout, ran.stderr) == ("200 True 0\n{b''}\n", "")


def test_there_is_one_path_and_two_methods(program: Program) -> None:
    ran = program(
        SERVED
        + """
for method, path in [("GET", "/metrics?any=thing"), ("HEAD", "/metrics"), ("GET", "/"), ("GET", "/metric"),
                     ("POST", "/metrics")]:
    answer, body = asked(method, path)
    print(method, path, answer.status, len(body) > 0)
plain, body = asked("GET", "/metrics", **{"Accept-Encoding": "gzip"})
print(plain.getheader("content-encoding"), body[:2].hex())
open_metrics, body = asked("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
print(open_metrics.getheader("content-type").split(";")[0], body.endswith(b"# EOF\\n"))
"""
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "GET /metrics?any=thing 200 True",
        "HEAD /metrics 200 False",
        "GET / 404 True",
        "GET /metric 404 True",
        "POST /metrics 405 False",
        "gzip 1f8b",
        "application/openmetrics-text True",
    ]


TRACED = """
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
EXEMPLARS = """
meter = metrics.get_meter("other")
duration = meter.create_histogram("call.duration", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0])

def record(seconds, **attributes):
    with tracer.get().start_as_current_span("call") as span:
        duration.record(seconds, attributes)
        return format(span.get_span_context().trace_id, "032x")

def samples(accept):
    lines = asked("GET", "/metrics", Accept=accept)[1].decode().splitlines()
    return [line for line in lines if line.startswith(("call_duration_seconds_bucket", "calls_total"))]

called = [(0.05, "a"), (0.5, "a"), (5, "b")]
traces = [record(seconds, **{"gen_ai.model": model}) for seconds, model in called]
"""


def test_exemplars_lead_from_open_metrics_to_traces(program: Program) -> None:
    """Each bucket, and each counter, names the trace of a call that is in it, where the format has a place for that."""
    ran = program(
        TRACED
        + SERVED
        + EXEMPLARS
        + """
for line in samples("application/openmetrics-text; version=1.0.0"):
    sample, _, exemplar = line.partition(" # ")
    model, le = ("gen_ai_model" in sample and sample.split('gen_ai_model="')[1][0]), sample.partition('le="')[2]
    trace_ids = [number for number, trace_id in enumerate(traces) if trace_id in exemplar]
    print(model, le.partition('"')[0], trace_ids, "span_id" in exemplar)
print([line for line in samples("text/plain") if "trace_id" in line])
"""
    )
    assert ran.stderr == ""
    assert sorted(ran.stdout.splitlines()) == sorted(
        [
            "False  [] True",  # the counter, of a call that stands before all others
            "a 0.1 [0] True",
            "a 1.0 [1] True",
            "a +Inf [] False",
            "b 0.1 [] False",
            "b 1.0 [] False",
            "b +Inf [2] True",
            "[]",
        ]
    )


def test_no_exemplars_where_the_filter_gives_none(program: Program) -> None:
    """Who switches exemplars off in the SDK finds none here."""
    accept = "samples('application/openmetrics-text; version=1.0.0')"
    ran = program(
        TRACED + SERVED + EXEMPLARS + f"print([line for line in {accept} if 'trace_id' in line])",
        OTEL_METRICS_EXEMPLAR_FILTER="always_off",
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


@pytest.mark.skipif(not LIMITS_SERIES, reason="this OpenTelemetry keeps all series apart")
def test_more_series_than_are_kept_apart_are_said_once(program: Program) -> None:
    """Past the SDK's limit series are merged: that is no loss of sums, but one warning says it."""
    ran = program(
        SERVED
        + """
meter = metrics.get_meter("other")
many = meter.create_counter("many")
for number in range(3000):
    many.add(1, {"number": number})
for _ in range(2):
    lines = asked("GET", "/metrics")[1].decode().splitlines()
print(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("many_total")))
"""
    )
    assert ran.stdout == "3000.0\n"
    said = [line for line in ran.stderr.splitlines() if line.startswith("callspan:")]
    assert said == [
        "callspan: metric 'many' has more series than OpenTelemetry keeps apart: the rest are one series"
    ]


EVENTLET = """
import sys
sys.modules["trio"] = None
import eventlet
eventlet.monkey_patch()
"""


def test_metrics_are_served_among_greenlets_of_eventlet(program: Program) -> None:
    """The server has a real thread, so a greenlet may scrape it, and other greenlets run meanwhile."""
    pytest.importorskip("eventlet", reason="eventlet is not installed")
    ran = program(
        EVENTLET + SERVED + "print(asked('GET', '/metrics')[0].status)", EVENTLET_NO_GREENDNS="yes"
    )
    assert ran.stdout == "200\n"
    assert "callspan" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("stderr", ["/dev/full", "closed"])
def test_what_the_console_did_not_print_is_a_number(program: Program, stderr: str) -> None:
    """Spans that a closed or full stderr did not take are in `status()`."""
    replace = (
        "os.close(2)" if stderr == "closed" else "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)"
    )
    ran = program(
        f"""
        import callspan
        {replace}
        callspan.configure(console=True)
        for number in range(3):
            call(str(number))
        callspan.flush()
        print([(row.destination, row.signal, row.lost) for row in callspan.status().losses])
        """
    )
    assert ran.stdout == "[('console', 'traces', 3)]\n"
