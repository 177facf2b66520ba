"""Metrics served to Prometheus."""

from __future__ import annotations

import socket

from export.conftest import Program

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


def test_a_taken_port_is_one_line(program: Program) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = program(
            """
            try:
                providers.setup(Destinations(prometheus=sys.argv[1]))
            except ValueError as error:
                print(type(error).__name__, error)
            providers.setup(Destinations(prometheus=sys.argv[1]), strict=False)
            call("works")
            print(providers.describe())
            """,
            str(taken.getsockname()[1]),
        )
    assert ran.stdout.startswith("ConfigurationError Prometheus cannot be served on 127.0.0.1:")
    assert "choose another port\n" in ran.stdout
    assert "not served" in ran.stdout
    assert len(ran.stderr.splitlines()) == 1


def test_a_missing_extra_is_one_line(program: Program) -> None:
    ran = program("""
        sys.modules["opentelemetry.exporter.prometheus"] = None
        try:
            providers.setup(Destinations(prometheus=":0"))
        except ValueError as error:
            print(error)
    """)
    assert ran.stdout == "--prometheus needs the extra: pip install 'callspan[prometheus]'\n"


def test_a_child_lets_go_of_the_port_and_says_so_when_it_calls(program: Program) -> None:
    ran = program("""
        providers.setup(Destinations(prometheus=":0"))
        port = int(providers.describe()[0].rsplit(":", 1)[1].split("/")[0])
        if os.fork() == 0:
            call("child")
            call("child")
            sys.exit()
        os.wait()
    """)
    assert ran.returncode == 0
    assert len(ran.stderr.splitlines()) == 1
    assert "shows the parent process only" in ran.stderr


SERVED = """
import http.client, socket, threading

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
    each.send(b"GET /metrics HT")
answer, body = asked("GET", "/metrics")
print(answer.status, b"calls_total" in body, threading.active_count() - threads)
for each in half_open:
    each.settimeout(30)
print({each.recv(1) for each in half_open})  # all are closed, most of them early, and the last in five seconds
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
