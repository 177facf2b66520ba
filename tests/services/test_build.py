"""build.sh, with a `go` that compiles at once: what it does after a run that was cut, and for want of memory."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from .programs import NAMES

SCRIPT = Path(__file__).with_name("build.sh")
GO = """#!/usr/bin/env bash
here=$(dirname "$0")
if [ "$1" = mod ]; then
  cat "$here/module.json"
  exit
fi
echo "$*" >>"$here/builds"
while [ "$1" != -o ]; do shift; done
echo half >"$2"
if [ -e "$here/fault" ]; then
  cat "$here/fault"
  rm "$here/fault"
  exit 1
fi
printf '#!/bin/sh\\n' >"$2"
chmod +x "$2"
"""


class Build:
    """The script, with a folder of its own for what it builds."""

    def __init__(self, folder: Path) -> None:
        self._tools = folder / "tools"
        self.bin = folder / "cache" / "services" / "bin"
        (self._tools / "module").mkdir(parents=True)
        for name, text in (("go", GO), ("npm", "#!/bin/sh\nexit 1\n")):
            (self._tools / name).write_text(text)
            (self._tools / name).chmod(0o755)
        sums = re.findall(r"_SUM=(\S+)", SCRIPT.read_text())
        lines = [f'"Dir": "{self._tools / "module"}",', *(f'"Sum": "{one}"' for one in sums)]
        (self._tools / "module.json").write_text("\n".join(lines) + "\n")

    def fail_once(self, message: str) -> None:
        """Let the next compilation fail with a message."""
        (self._tools / "fault").write_text(message)

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        cache, path = str(self.bin.parents[1]), f"{self._tools}{os.pathsep}{os.environ['PATH']}"
        variables = {
            **os.environ,
            "CALLSPAN_CACHE": cache,
            "PATH": path,
            "CALLSPAN_BUILD_JOBS": "2",
        }
        return subprocess.run(
            [SCRIPT], env=variables, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def compilations(self) -> list[str]:
        """The names of what was compiled, each with the number of compilers at once."""
        lines = (self._tools / "builds").read_text().splitlines()
        pairs = [re.search(r"-p (\d+) .*-o \S*/(\w+)\.new", line) for line in lines]
        return [f"{pair[2]} {pair[1]}" for pair in pairs if pair]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def test_each_program_is_built_once(build: Build) -> None:
    done = build.run()
    assert done.returncode == 0, done.stderr
    assert sorted(build.compilations) == sorted(f"{name} 2" for name in NAMES)
    assert all(os.access(build.bin / name, os.X_OK) for name in NAMES)
    assert "Grafana's schemas: not made" in done.stdout, (
        "they are wanted, but nothing else needs them"
    )
    assert build.run().returncode == 0
    assert len(build.compilations) == len(NAMES)


def test_compilers_that_were_killed_are_run_again_one_at_a_time(build: Build) -> None:
    build.fail_once("go build: /usr/lib/go/pkg/tool/compile: signal: killed\n")
    done = build.run()
    assert done.returncode == 0, done.stderr
    assert build.compilations[:2] == ["otelcol 2", "otelcol 1"]
    assert "one at a time" in done.stdout


def test_what_does_not_compile_is_said_and_is_not_tried_again(build: Build) -> None:
    build.fail_once("main.go:1: undefined: nothing\n")
    done = build.run()
    assert done.returncode == 1
    assert "undefined: nothing" in done.stderr
    assert build.compilations == ["otelcol 2"]


def test_a_run_that_was_cut_leaves_no_half_of_a_program(build: Build) -> None:
    """The next run makes what is missing, and what was there before stays until then."""
    build.fail_once("")
    assert build.run().returncode == 1
    assert not (build.bin / "otelcol").exists()
    assert build.run().returncode == 0
    assert os.access(build.bin / "otelcol", os.X_OK)
