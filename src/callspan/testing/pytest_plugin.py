"""The pytest fixtures `model_server` and `recorded_calls`.

pytest loads this module in each of its runs, so it imports nothing until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from callspan.testing import ModelServer, Recorder


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """Run a scripted model server on 127.0.0.1; its base URL for a client is `url`."""
    from callspan.testing import ModelServer

    with ModelServer() as server:
        yield server


@pytest.fixture
def recorded_calls() -> Iterator[Recorder]:
    """Record the calls of all clients while the test runs, without their messages."""
    from callspan.testing import Recorder

    with Recorder() as recorder:
        yield recorder
