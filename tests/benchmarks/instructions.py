"""What callspan adds to a call, in instructions, which a busy machine does not change.

Run by `python -m tests.benchmarks --instructions`.
"""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks.callgrind import count_parts, missing_tools
from tests.benchmarks.cases import CASES, SHORT, Case
from tests.benchmarks.contender import BARE

KEPT = Path(__file__).with_name("kept.json")
"""What was counted last, and with which versions."""
TOLERANCE = 0.05
"""How much more a case may add than it did, as a share of the kept figure."""
NOISE = 0.005
"""How far two counts of one program may differ: a stream's by 0.3 %, all others' by 0.1 %."""
_VERSIONS = ("openai", "opentelemetry-sdk", "langchain-core", "langgraph")


def environment() -> dict[str, str]:
    """Return what figures depend on: a kept one holds for the same alone."""
    python = [platform.python_version(), platform.python_compiler(), platform.machine()]
    # made by a profile: such an interpreter passes fewer instructions
    if "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS")):
        python.append("with optimizations")
    return {"python": ", ".join(python), **{name: _version(name) for name in _VERSIONS}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def counts(python: Path | str, contender: str, cases: tuple[Case, ...]) -> dict[str, float]:
    """Return the million instructions of one repetition of each case."""
    arguments = ["-m", "tests.benchmarks.contender", contender, *(case.name for case in cases)]
    with tempfile.TemporaryDirectory() as folder:
        totals = count_parts(python, arguments, Path(folder))
    return {case.name: totals[case.name] / case.times / 1e6 for case in cases}


def main(short: bool, keep: bool) -> int:
    """Count, print, and judge by the kept figures; return the status to exit with."""
    missing = missing_tools()
    if missing:
        print(f"instructions: skipped, for this machine lacks {', '.join(missing)}")
        return 0
    cases = SHORT if short else CASES
    bare = counts(sys.executable, BARE, cases)
    ours = counts(sys.executable, "callspan", cases)
    added = {name: ours[name] - bare[name] for name in bare}
    kept = {} if keep else _kept_figures()
    failed = False
    for name, million in added.items():
        allowed = _allowed(kept[name], bare[name]) if name in kept else None
        print(_line(name, bare[name], million, allowed), flush=True)
        failed = failed or (allowed is not None and million > allowed)
    if keep:
        _keep(added)
    return int(failed)


def _allowed(kept: float, bare: float) -> float:
    """Return the most that a case may add, in million instructions."""
    return kept + max(TOLERANCE * kept, NOISE * bare)


def _keep(added: dict[str, float]) -> None:
    million = {name: round(value, 3) for name, value in added.items()}
    kept = {"environment": environment(), "million": million}
    KEPT.write_text(json.dumps(kept, indent=2) + "\n")


def _kept_figures() -> dict[str, float]:
    """Return the figures to compare with; none where they are of another environment."""
    kept = json.loads(KEPT.read_text())
    if kept["environment"] == environment():
        return kept["million"]
    print("instructions: not compared, for the kept figures are of other versions")
    return {}


def _line(name: str, bare: float, added: float, allowed: float | None) -> str:
    line = f"{name:40} {bare:9.3f} M, with callspan +{added:.3f} M"
    if allowed is None:
        return line
    verdict = "   TOO MUCH" if added > allowed else ""
    return f"{line}, at most +{allowed:.3f} M{verdict}"
