"""`instrument()` in the middle of an import of a client, in the same thread or in another, and what it finds there."""

from __future__ import annotations

import pytest

from callspan.testing.modelserver import ModelServer
from child import PRINTING, printed_spans, run

CALL = """
def call(url):
    import openai
    with openai.OpenAI(base_url=url, api_key="any") as client:
        client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}])
    provider.force_flush()
"""
SAME_THREAD = """
def during(event, arguments):
    if event == "import" and arguments[0] == MODULE and not begun:
        begun.append(True)
        callspan.instrument(tracer_provider=provider)

begun = []
sys.addaudithook(during)
call(sys.argv[1])
assert begun
"""
OTHER_THREAD = """
import threading
reached, instrumented = threading.Event(), threading.Event()

def during(event, arguments):
    if event == "import" and arguments[0] == MODULE and not reached.is_set():
        reached.set()
        assert instrumented.wait(30)

def instrument():
    assert reached.wait(30)
    callspan.instrument(tracer_provider=provider)
    instrumented.set()

sys.addaudithook(during)
thread = threading.Thread(target=instrument)
thread.start()
call(sys.argv[1])
thread.join()
"""
TWICE = SAME_THREAD.replace("call(sys", "callspan.instrument(tracer_provider=provider)\ncall(sys")
FAILED = SAME_THREAD.replace(
    "provider)", "provider)\n        raise ImportError('not now')"
).replace("call(sys", "try:\n    import openai\nexcept ImportError:\n    pass\ncall(sys")
SITUATIONS = {"same thread": SAME_THREAD, "other thread": OTHER_THREAD, "twice": TWICE}
MOMENTS = {
    "in its package": "openai._types",
    "in the module that is patched": "openai._response",
    "after it": "openai.lib.azure",
}
"""Modules whose import the audit hook hears of, each at another moment of the client's own import."""


CASES = [
    pytest.param(situation, moment, id=f"{situation}, {moment}")
    for situation in SITUATIONS
    for moment in MOMENTS
]


@pytest.mark.parametrize(("situation", "moment"), CASES)
def test_a_client_that_is_half_loaded_is_patched_when_it_is_loaded(
    model_server: ModelServer, situation: str, moment: str
) -> None:
    program = f"{PRINTING}\nimport callspan\nMODULE = {MOMENTS[moment]!r}\n{CALL}\n{SITUATIONS[situation]}"
    done = run(program, model_server.url)
    assert [span["name"] for span in printed_spans(done)] == ["chat gpt-4.1"]
    assert "callspan" not in done.stderr


def test_a_client_whose_first_import_fails_is_patched_by_the_next(
    model_server: ModelServer,
) -> None:
    module = MOMENTS["in the module that is patched"]
    done = run(
        f"{PRINTING}\nimport callspan\nMODULE = {module!r}\n{CALL}\n{FAILED}", model_server.url
    )
    assert [span["name"] for span in printed_spans(done)] == ["chat gpt-4.1"]
    assert "callspan" not in done.stderr


UNDONE = """
def during(event, arguments):
    if event == "import" and arguments[0] == "openai._response" and not begun:
        begun.append(True)
        callspan.instrument(tracer_provider=provider)
        callspan.uninstrument()

begun = []
finders = list(sys.meta_path)
sys.addaudithook(during)
call(sys.argv[1])
assert begun
assert sys.meta_path == finders
assert "request" not in vars(sys.modules["openai"].OpenAI)
assert not hasattr(sys.modules["openai._base_client"].SyncAPIClient.request, "__wrapped__")
assert type(sys.modules["openai._base_client"].__spec__).__name__ == "ModuleSpec"
"""


def test_what_was_undone_before_the_client_was_loaded_stays_undone(
    model_server: ModelServer,
) -> None:
    done = run(f"{PRINTING}\nimport callspan\n{CALL}\n{UNDONE}", model_server.url)
    assert printed_spans(done) == []


AGAIN = """
def purge():
    for name in [name for name in sys.modules if name.partition(".")[0] == "openai"]:
        del sys.modules[name]

callspan.instrument(tracer_provider=provider)
call(sys.argv[1])
first = sys.modules["openai._base_client"].SyncAPIClient
purge()
call(sys.argv[1])
second = sys.modules["openai._base_client"].SyncAPIClient
assert first is not second
callspan.uninstrument()
assert not hasattr(first.request, "__wrapped__")
assert not hasattr(second.request, "__wrapped__")
"""


def test_a_client_that_is_imported_again_is_patched_again(model_server: ModelServer) -> None:
    done = run(f"{PRINTING}\nimport callspan\n{CALL}\n{AGAIN}", model_server.url)
    assert [span["name"] for span in printed_spans(done)] == ["chat gpt-4.1"] * 2


THREADS = """
import threading
barrier = threading.Barrier(2)

def instrument():
    barrier.wait()
    callspan.instrument(tracer_provider=provider)

sys.setswitchinterval(1e-5)
thread = threading.Thread(target=instrument)
thread.start()
barrier.wait()
import openai
thread.join()
call(sys.argv[1])
"""


def test_instrument_and_import_at_once(model_server: ModelServer) -> None:
    """Whoever is first at each of the client's modules."""
    for _ in range(3):
        done = run(f"{PRINTING}\nimport callspan\n{CALL}\n{THREADS}", model_server.url)
        assert [span["name"] for span in printed_spans(done)] == ["chat gpt-4.1"]
        assert "callspan" not in done.stderr
