"""Requests made at random, for every endpoint of the model server."""

from __future__ import annotations

import copy
import json
import resource
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callspan.testing.modelserver import ModelServer
from sound_requests import SOUND, Response, post, send

LARGEST_ANSWER = 60_000_000  # bytes
LARGEST_GROWTH = 500_000  # kilobytes
CHAT = "/v1/chat/completions"

paths = st.sampled_from(sorted(SOUND))
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=9,
)
methods = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "BREW"]
)
targets = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40).map("/".__add__)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """One server for all requests of this module, so that what one of them leaves behind meets the next."""
    with ModelServer() as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield server
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LARGEST_GROWTH


def check(server: ModelServer, answer: Response) -> None:
    """The answer is HTTP of a sensible size, and the server still answers."""
    assert answer.status == 200 or 400 <= answer.status < 500, answer
    assert len(answer.body) < LARGEST_ANSWER
    if answer.status >= 400 and answer.body:
        assert answer.json
    assert send(server, post("/v1/embeddings", SOUND["/v1/embeddings"])).status == 200


def change(draw: st.DrawFn, within: Any) -> None:
    """Replace or delete one value, anywhere in a request."""
    while within:
        key = draw(
            st.sampled_from(list(within) if isinstance(within, dict) else range(len(within)))
        )
        child = within[key]
        if not isinstance(child, (dict, list)) or not child or draw(st.booleans()):
            if draw(st.booleans()):
                within[key] = draw(values)
            else:
                del within[key]
            return
        within = child


@st.composite
def changed(draw: st.DrawFn, body: Any) -> Any:
    """A request of which some values are others or are gone."""
    made = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 4))):
        change(draw, made)
    return made


@settings(deadline=None, max_examples=400)
@given(data=st.data(), path=paths)
def test_requests_with_changed_values(server: ModelServer, data: st.DataObject, path: str) -> None:
    """Whatever stands in a request, the server answers it or refuses it."""
    check(server, send(server, post(path, data.draw(changed(SOUND[path])))))


@settings(deadline=None, max_examples=200)
@given(path=paths, body=values.map(json.dumps).map(str.encode) | st.binary(max_size=200))
def test_bodies_of_any_kind(server: ModelServer, path: str, body: bytes) -> None:
    """Whatever the body is, the server answers it or refuses it."""
    check(server, send(server, post(path, body)))


@settings(deadline=None, max_examples=400)
@given(data=st.data(), path=paths)
def test_bytes_of_any_kind(server: ModelServer, data: st.DataObject, path: str) -> None:
    """A request of which some bytes are others, are gone or stand twice is answered by HTTP."""
    sent = bytearray(post(path, SOUND[path]))
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, min(len(sent) - 1, 150)))
        last = data.draw(st.integers(first, min(len(sent), first + 20)))
        sent[first:last] = data.draw(st.binary(max_size=4) | st.just(bytes(sent[first:last]) * 2))
    check(server, send(server, bytes(sent)))


@settings(deadline=None, max_examples=200)
@given(method=methods, path=paths | targets)
def test_any_method_at_any_path(server: ModelServer, method: str, path: str) -> None:
    """Whatever is asked of whatever path is answered."""
    check(
        server, send(server, post(path, SOUND[CHAT]).replace(b"POST", method.encode(), 1), method)
    )
