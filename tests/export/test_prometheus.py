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
