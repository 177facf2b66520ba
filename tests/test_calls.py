"""A call as handlers see it: what it is of, when it was, and what of it may be kept for long."""

from __future__ import annotations

import time
from typing import Any

import pytest

from callspan.events import Call, Content, Estimate, Failure, Outcome, Retry
from callspan.events import call as call_module

SUBJECTS = {
    "invoke_agent": "agent_name",
    "execute_tool": "tool_name",
    "invoke_workflow": "workflow_name",
    "run_node": "node_name",
    "retrieval": "data_source_id",
}


def test_every_call_has_a_number_of_its_own() -> None:
    """In the order in which they were made."""
    first, second = Call("chat", "openai").id, Call("chat", "openai").id
    assert int(second.removeprefix("call-")) == int(first.removeprefix("call-")) + 1


def test_a_new_call_has_come_to_nothing() -> None:
    """It is neither streamed nor asynchronous unless that is said, and runs."""
    call = Call("chat", "openai")
    assert (call.stream, call.asynchronous, call.local, call.uses_tokens) == (
        False,
        False,
        False,
        True,
    )
    assert (call.model, call.subject, call.outcome, call.failure, call.duration) == (None,) * 5
    assert (call.server_address, call.server_port, call.client_name, call.client_version) == (
        None,
        None,
        "",
        "",
    )
    assert (call.parameters, call.attributes, call.handler_state, call.retries) == ({}, {}, {}, [])


@pytest.mark.parametrize(("operation", "parameter"), SUBJECTS.items())
def test_what_is_no_model_has_a_subject_and_no_tokens(operation: str, parameter: str) -> None:
    """The subject is what is called; a name that is no text cannot be looked up by, and is none."""
    call = Call(operation, "callspan", "m", {parameter: "rose\ud800"})
    assert (call.subject, call.uses_tokens) == ("rose?", False)
    assert Call(operation, "callspan", "m", {parameter: ["rose"]}).subject is None
    assert Call(operation, "callspan", "m").subject is None


def test_a_model_is_its_own_subject() -> None:
    """Of every other operation; what was fetched was counted by the call that made it."""
    assert Call("chat", "openai", "m", {"agent_name": "a"}).subject == "m"
    assert Call("embeddings", "openai", "m").uses_tokens
    fetch = Call("fetch_response", "openai", "m")
    assert (fetch.subject, fetch.uses_tokens) == ("m", False)


@pytest.mark.parametrize("operation", ["chat", *SUBJECTS])
def test_what_a_program_does_itself_is_local(operation: str) -> None:
    """Unless it asks a server to; a search is a request in any case."""
    by_the_program = operation not in ("chat", "retrieval")
    assert Call(operation, "callspan").local is by_the_program
    assert not Call(operation, "aws", server=("agents.example", None)).local


def test_calls_of_one_kind_have_one_identity() -> None:
    """Settings are no part of it."""
    common: dict[str, Any] = {"server": ("127.0.0.1", 80), "client": ("openai", "1")}
    call = Call("chat", "openai", "m", {"temperature": 0}, **common)
    assert call.identity == Call("chat", "openai", "m", stream=True, **common).identity
    others = (
        Call("embeddings", "openai", "m", **common),
        Call("chat", "groq", "m", **common),
        Call("chat", "openai", "n", **common),
        Call("chat", "openai", "m", **{**common, "server": ("127.0.0.1", 81)}),
        Call("chat", "openai", "m", **{**common, "client": ("groq", "1")}),
        Call("chat", "openai", "m", in_process=True, **common),
    )
    assert len({call.identity, *(other.identity for other in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("asked", "choices"),
    [
        (None, 1),
        (1, 1),
        (2, 2),
        (128, 128),
        (129, 1),
        (0, 1),
        (-1, 1),
        (2.0, 2),
        (2.5, 1),
        ("2", 1),
        (True, 1),
    ],
)
def test_choices_are_as_many_as_a_provider_gives(asked: Any, choices: int) -> None:
    """Anything else is refused by it, or ignored."""
    assert Call("chat", "openai", "m", {"choices": asked}).choices == choices


def test_content_is_read_once_and_late() -> None:
    """Only when somebody asks for it."""
    read: list[Content] = []

    def content() -> Content:
        read.append(Content(query="roses"))
        return read[-1]

    call = Call("chat", "openai", content=content)
    assert not read
    assert call.content is call.content is read[0]
    assert len(read) == 1


def test_the_end_is_on_the_clock_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the call runs, it is now."""
    monkeypatch.setattr(call_module.time, "perf_counter", lambda: 5.0)
    monkeypatch.setattr(call_module.time, "time_ns", lambda: 1_000)
    call = Call("chat", "openai")
    monkeypatch.setattr(call_module.time, "perf_counter", lambda: 7.5)
    assert call.end_ns == 1_000 + 2_500_000_000
    call.duration = 0.0
    assert call.end_ns == 1_000
    call.duration = 0.25
    assert call.end_ns == 1_000 + 250_000_000


def test_a_copy_to_keep_has_no_content() -> None:
    """It still says which call it was and what answered, whatever becomes of the call."""
    call = Call("chat", "openai", "m", content=lambda: Content(query="secret"))
    assert call.content.query == "secret"
    call.parent, call.span, call.context, call.captured_content = (
        Call("invoke_agent", "callspan"),
        "span",
        "context",
        "shown",
    )
    call.outcome, call.failure = Outcome.ERROR, Failure("x", "secret")
    call.estimate, call.priced_call, call.handler_state = Estimate("m"), "charge", {"a": 1}
    call.retries.append(Retry(1, "timeout", 0.5, time.time_ns()))
    call.response.id, call.response.model, call.response.result = "r", "m-1", "secret"
    call.response.details["tier"] = "flex"
    kept = call.without_content()
    call.response.details["tier"] = "other"
    assert (kept.id, kept.identity, kept.outcome) == (call.id, call.identity, Outcome.ERROR)
    assert (kept.response.id, kept.response.model, kept.response.details) == (
        "r",
        "m-1",
        {"tier": "flex"},
    )
    assert kept.content == Content()
    assert (kept.parent, kept.span, kept.context, kept.captured_content, kept.framework) == (
        None,
    ) * 5
    assert (kept.failure, kept.estimate, kept.priced_call, kept.response.result) == (None,) * 4
    assert (kept.retries, kept.handler_state) == ([], {})
    assert call.retries
    assert call.content.query == "secret"


def test_an_estimate_lets_go_of_the_messages() -> None:
    """When its work is done; what waits for it is given out once, in the order in which it came."""
    estimate = Estimate("m")
    assert (estimate.usage, estimate.sent, estimate.received, estimate.not_counted) == (
        None,
        None,
        None,
        (),
    )
    estimate.sent, estimate.tools, estimate.received = (
        [{"role": "user"}],
        [{"name": "f"}],
        ["Roses"],
    )
    jobs = [lambda: 1, lambda: 2]
    for job in jobs:
        estimate.then(job)
    assert estimate.close() == jobs
    assert estimate.close() == []
    assert (estimate.sent, list(estimate.tools), estimate.received) == (None, [], None)


def test_former_names_go_on_working() -> None:
    """Handlers that were written for the former names of attributes read the same values."""
    call = Call("chat", "openai", "m")
    call.captured_content, call.priced_call = "content", "priced"
    call.handler_state["mine"] = 1
    assert (call.shown, call.charge, call.values) == ("content", "priced", {"mine": 1})
    assert call.counts is call.uses_tokens is True
