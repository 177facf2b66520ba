"""What clients give, raise and are can be copied and pickled as without us; section A of what must be survived."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from table.kinds import KINDS, Kind
from telemetry import Telemetry

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda original: pickle.loads(pickle.dumps(original)),
}


def told(kind: Kind, ask: Callable[[], Any]) -> Any:
    """What comes of it, in words that stay the same from run to run; where it fails, what was raised."""
    try:
        found = ask()
    except Exception as error:  # noqa: BLE001  to be compared
        found = error
    said = re.sub(r"0x[0-9a-f]+|\d{10,}|127\.0\.0\.1:\d+", "", f"{type(found)} {found!r}")
    return re.sub(kind.varies, "", said) if kind.varies else said


def stream_copies(ask: Callable[[], Any]) -> str:
    """Whether a stream can be copied; of the many things in it that cannot, another may be named first."""
    try:
        return str(type(ask()))
    except Exception as error:  # noqa: BLE001  to be compared
        return (
            "no"
            if isinstance(error, (TypeError, AttributeError, pickle.PicklingError))
            else repr(error)
        )


def answer(kind: Kind, client: Any, **more: Any) -> Any:
    return kind.resource(client).create(**{**kind.request, **more})


def refusal(kind: Kind, client: Any, server: ModelServer) -> Exception:
    server.enqueue(Reply(status=400))
    try:
        answer(kind, client)
    except Exception as error:  # noqa: BLE001  it is what is asked for
        return error
    raise AssertionError("it was not refused")


def seen(kind: Kind, server: ModelServer, copied: Callable[[Any], Any]) -> dict[str, Any]:
    """All that a program can see of copies."""
    server.requests.clear()  # ids are numbered by it
    with kind.make(server.url) as client:
        error = refusal(kind, client, server)
        return {
            "answer": told(kind, lambda: copied(answer(kind, client))),
            "exception": told(kind, lambda: copied(error)),
            "stream": stream_copies(lambda: copied(answer(kind, client, stream=True))),
            "client": told(kind, lambda: type(copied(client))),
            "answer to the client": told(kind, lambda: answer(kind, copied(client))),
            "answer to the method": told(
                kind, lambda: copied(kind.resource(client).create)(**kind.request)
            ),
        }


# a response that could not be copied to the end complains when it goes, on Python 3.13
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_copies_of_clients(
    telemetry: Telemetry, model_server: ModelServer, kind: Kind, copied: Any
) -> None:
    """Answers, exceptions, clients and methods of every kind, and what copies of clients and methods answer."""
    with_us = seen(kind, model_server, copied)
    callspan.uninstrument()
    assert seen(kind, model_server, copied) == with_us
