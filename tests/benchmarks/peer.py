"""Measures one instrumentation of OpenAI's client, in whose environment it runs; prints JSON. See peers.py."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version

from tests.benchmarks import work
from tests.benchmarks.floor import Sdk, by_hand
from tests.benchmarks.peers import PEERS, ROOT
from tests.benchmarks.timing import fastest


def main(name: str) -> None:
    """The client first bare, then watched; the floor beside both."""
    packages, switched_on = PEERS[name]
    named = [name if package == str(ROOT) else package for package in packages]
    sdk = Sdk(True)
    bare, floor = fastest([work.call(), by_hand(sdk)], 150, 5)
    (bare_stream,) = fastest([work.stream()], 15, 1)
    exec(switched_on, {"providers": sdk.providers()})
    watched, floor_again = fastest([work.call(), by_hand(sdk)], 150, 5)
    (watched_stream,) = fastest([work.stream()], 15, 1)
    told = {
        "call": (watched - bare) / min(floor, floor_again),
        "chunk": watched_stream / bare_stream - 1,
        "versions": ", ".join(_version(package) for package in (*named, "openai")),
    }
    print(json.dumps(told))


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


if __name__ == "__main__":
    main(sys.argv[1])
