"""What a response is made of: pieces that arrive in any order, for choices and tool calls that must stay apart."""

from __future__ import annotations

from typing import Any

import pytest

from callspan.events import (
    REASONING,
    SERVER_TOOL_CALL,
    TEXT,
    TOOL_CALL,
    Delta,
    Failure,
    Part,
    Response,
    Usage,
)
from callspan.events import response as response_module


def taken_in(*parts: Part, ends: bool = True) -> Response:
    """A response that has taken in these parts, each in a delta of its own, and ended as asked."""
    response = Response()
    for part in parts:
        response.add(Delta(parts=[part]))
    if ends:
        response.add(Delta(finish_reasons=[(0, "stop")]))
    return response


def parts_of(*parts: Part) -> list[dict[str, Any]]:
    """The parts of the only message."""
    (message,) = taken_in(*parts).messages
    return message["parts"]


def call(identifier: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    """A tool call as it stands in a message."""
    return {"type": TOOL_CALL, "id": identifier, "name": name, "arguments": arguments}


def fragment(
    text: str, index: Any = None, identifier: str | None = None, name: str | None = None
) -> Part:
    """A piece of a tool call."""
    return Part(TOOL_CALL, text, index=index, id=identifier, name=name)


def test_fragments_of_one_kind_are_joined() -> None:
    """Text and reasoning are two parts, however their pieces alternate."""
    pieces = (
        Part(REASONING, "Let "),
        Part(TEXT, "Ro"),
        Part(REASONING, "me see"),
        Part(TEXT, "ses"),
    )
    assert parts_of(*pieces) == [
        {"type": REASONING, "content": "Let me see"},
        {"type": TEXT, "content": "Roses"},
    ]


def test_whole_parts_of_one_kind_stay_apart() -> None:
    """Two pictures are two parts, though nothing tells them apart."""
    pictures = [Part("image", data={"bytes": size}) for size in (1, 2, 3)]
    assert parts_of(*pictures) == [{"type": "image", "bytes": size} for size in (1, 2, 3)]


@pytest.mark.parametrize(
    "pieces",
    [
        (fragment('{"a":', 0, "one", "f"), fragment(" 1}", 0), fragment("{}", 1, "two", "g")),
        (fragment('{"a":', 0, "one", "f"), fragment("{}", 1, "two", "g"), fragment(" 1}", 0)),
        (
            fragment('{"a":', 0, "one", "f"),
            fragment(" 1}", 0, "one"),
            fragment("{}", 0, "two", "g"),
        ),
        (fragment('{"a":', None, "one", "f"), fragment(" 1}"), fragment("{}", None, "two", "g")),
        (
            fragment('{"a":', None, "one", "f"),
            fragment("{}", None, "two", "g"),
            fragment(" 1}", None, "one"),
        ),
        (fragment('{"a":', 0, None, "f"), fragment(" 1}", 0, "one"), fragment("{}", 1, "two", "g")),
        (fragment('{"a":', 0, "one"), fragment(" 1}", 0, None, "f"), fragment("{}", 1, "two", "g")),
    ],
    ids=[
        "by-index",
        "alternating",
        "one-index-for-all",
        "no-index",
        "no-index-alternating",
        "late-id",
        "late-name",
    ],
)
def test_tool_calls_stay_apart(pieces: tuple[Part, ...]) -> None:
    """By index, by id, or by what came last, as servers leave one or the other out."""
    assert parts_of(*pieces) == [call("one", "f", {"a": 1}), call("two", "g", {})]


def test_a_fragment_without_id_belongs_to_the_call_before_it() -> None:
    """Also where all calls have the same index."""
    pieces = (fragment("", 0, "one", "f"), fragment("", 0, "two", "g"), fragment('{"b": 2}', 0))
    assert parts_of(*pieces) == [call("one", "f", {}), call("two", "g", {"b": 2})]


def test_a_fragment_of_another_index_does_not() -> None:
    """It is a call of its own, without an id."""
    pieces = (fragment("1", 0, "one", "f"), fragment("2", 0, "two", "g"), fragment("3", 5))
    assert parts_of(*pieces) == [call("one", "f", 1), call("two", "g", 2), call(None, "", 3)]


def test_a_fragment_before_any_call() -> None:
    """A call without index and id is one as well."""
    assert parts_of(fragment("[1"), fragment(", 2]")) == [call(None, "", [1, 2])]


def test_tools_that_the_provider_runs_take_their_fragments() -> None:
    """The fragments look like those of any tool; a call with an id of its own is another."""
    begun = Part(SERVER_TOOL_CALL, index=0, id="srv", name="web_search")
    asked = {"type": "web_search", "arguments": {"q": "roses"}}
    shown = {"type": SERVER_TOOL_CALL, "id": "srv", "name": "web_search", SERVER_TOOL_CALL: asked}
    pieces = (begun, fragment('{"q": "roses"}', 0), fragment("{}", 0, "two", "g"))
    assert parts_of(*pieces) == [shown, call("two", "g", {})]
    assert parts_of(Part(SERVER_TOOL_CALL, index=1)) == [
        {
            "type": SERVER_TOOL_CALL,
            "id": None,
            "name": "",
            SERVER_TOOL_CALL: {"type": "", "arguments": {}},
        }
    ]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [("", {}), (" \n", {}), ("[]", []), ("roses", "roses"), ("[" * 100_000, "[" * 100_000)],
    ids=["none", "blank", "json", "words", "deep"],
)
def test_arguments_are_an_object_where_they_can_be(text: str, arguments: Any) -> None:
    """What is no JSON, or too deep for Python, stays as it came."""
    assert parts_of(fragment(text, 0, "one", "f")) == [call("one", "f", arguments)]


def test_choices_are_ordered_by_index() -> None:
    """Each with its own parts and reason; a reason that came is not taken back by a later chunk."""
    response = Response()
    response.add(Delta(parts=[Part(TEXT, "second", choice=1)], finish_reasons=[(1, "length")]))
    response.add(Delta(parts=[Part(TEXT, "first")], finish_reasons=[(0, None), (1, None)]))
    assert response.finish_reasons == [None, "length"]
    assert response.text == "first"
    assert [message["finish_reason"] for message in response.messages] == ["error", "length"]
    assert not response.finished(2)
    response.add(Delta(finish_reasons=[(0, "stop")]))
    assert response.finish_reasons == ["stop", "length"]
    assert response.finished(2)
    assert not response.finished(3)


def test_reasons_of_an_api_that_gives_none() -> None:
    """A picture has no finish reason, and nobody claims one."""
    response = taken_in(Part("image", data={}), ends=False)
    assert response.finish_reasons == []
    assert response.messages == [{"role": "assistant", "parts": [{"type": "image"}]}]
    assert not response.finished(1)
    response.add(Delta(parts=[Part("image", data={}, choice=1)], finish_reasons=[(1, "stop")]))
    assert response.finish_reasons == ["stop"]


def test_a_closing_event_finishes_without_reasons() -> None:
    """Whether it is the last delta or one before that."""
    response = Response()
    assert not response.finished(1)
    response.add(Delta(last=True))
    response.add(Delta(id="late"))
    assert response.finished(2)


def test_what_comes_once_stays() -> None:
    """Later chunks leave names out, or say them anew."""
    response = Response()
    failure = Failure("overloaded")
    response.add(
        Delta(id="a", model="m", details={"tier": "flex", "n": 1}, failure=failure, result=0)
    )
    response.add(Delta())
    assert (response.id, response.model, response.failure, response.result) == (
        "a",
        "m",
        failure,
        0,
    )
    response.add(Delta(id="b", model="n", details={"n": 2}, failure=Failure("other"), result=""))
    assert (response.id, response.model, response.result) == ("b", "n", "")
    assert response.failure == Failure("other")
    assert response.details == {"tier": "flex", "n": 2}


def test_counts_of_the_model_and_of_the_platform() -> None:
    """The last word of the model's wins, and the platform's only fill what it left out, in whatever order."""
    response = Response()
    response.add(Delta(metered=Usage(input=9, output=9)))
    response.add(Delta(usage=Usage(input=5, source="other")))
    response.add(Delta(metered=Usage(input=8, reasoning=3)))
    assert response.usage == Usage(input=5, output=9, reasoning=3)
    again = Response()
    again.add(Delta(usage=Usage(input=5)))
    again.add(Delta(usage=Usage(output=2)))
    assert again.usage == Usage(input=5, output=2)


def test_a_whole_answer_replaces_its_pieces() -> None:
    """Also in what is counted against the most that is kept."""
    response = taken_in(Part(TEXT, "Ro"), ends=False)
    response.add(Delta(parts=[Part(TEXT, "Roses.")], whole=True))
    assert response.text == "Roses."


def test_no_more_is_kept_than_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too much is counted; after a whole answer, and after all is let go, there is room again."""
    monkeypatch.setattr(response_module, "TEXT_LIMIT", 5)
    response = taken_in(Part(TEXT, "Ros"), Part(TEXT, "es"), ends=False)
    assert (response.text, response.elided) == ("Roses", 0)
    response.add(Delta(parts=[Part(TEXT, " are red")]))
    response.add(Delta(parts=[Part(TEXT, "!")]))
    assert (response.text, response.elided) == ("Roses", 9)
    response.add(Delta(parts=[Part(TEXT, "Tulips")], whole=True))
    assert (response.text, response.elided) == ("Tulip", 1)
    response.forget_text()
    assert response.text == ""
    response.add(Delta(parts=[Part(TEXT, "Daisies")]))
    assert (response.text, response.elided) == ("Daisi", 3)


def test_without_text_all_the_rest_is_kept() -> None:
    """Where nobody reads what is said."""
    response = Response()
    response.add(Delta(id="a", parts=[Part(TEXT, "Roses")], finish_reasons=[(0, "stop")]), False)
    assert (response.id, response.text, response.finish_reasons) == ("a", "", ["stop"])
    assert response.messages == [{"role": "assistant", "parts": [], "finish_reason": "stop"}]


def test_the_text_is_that_of_the_first_choice() -> None:
    """Of its text alone, and empty where there is none."""
    assert Response().text == ""
    pieces = (Part(REASONING, "Hm."), Part(TEXT, "Roses", index=0), Part(TEXT, " are red", index=1))
    assert taken_in(*pieces, Part(TEXT, "Tulips", choice=1)).text == "Roses are red"


def test_a_new_response_says_nothing() -> None:
    """Before anything has arrived."""
    response = Response()
    assert (response.id, response.model, response.usage, response.failure) == (
        None,
        None,
        None,
        None,
    )
    assert (response.last, response.pending, response.chunks, response.elided) == (
        False,
        False,
        0,
        0,
    )
    assert (response.first_chunk, response.first_token, response.chunk_times) == (None, None, None)
    assert (response.messages, response.finish_reasons, response.details) == ([], [], {})
