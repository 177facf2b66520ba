"""The source of a suite, out of the package's source archive, and an environment to run it in."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

from tests.matrix.environment import ROOT

from .rows import Suite

PLUGIN = Path(__file__).with_name("plugin")


class Source:
    """A folder with the source of one suite, as its package has it, and its environment."""

    def __init__(self, suite: Suite, uv: str, base: Path) -> None:
        self.suite, self._uv = suite, [uv, "--quiet"]
        self._place = base / suite.package
        self.python = self._place / "environment" / "bin" / "python"

    def make(self, interpreter: str) -> None:
        """Install the package, what its tests need and callspan, then fetch the source of the same version."""
        environment = self._place / "environment"
        if not self.python.exists():
            subprocess.run(
                [*self._uv, "venv", "--seed", "--python", interpreter, environment], check=True
            )
        install = [
            *self._uv,
            "pip",
            "install",
            "--python",
            self.python,
            "--reinstall-package",
            "callspan",
        ]
        subprocess.run([*install, *self.suite.needs, f"{ROOT}[fast,prices]"], check=True)

    def version(self) -> str:
        """Return the version of the package that is installed."""
        code = f"import importlib.metadata as m; print(m.version({self.suite.package!r}))"
        return subprocess.run(
            [self.python, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()

    def folder(self) -> Path:
        """Return the folder of the source, fetched when it is asked for first."""
        version = self.version()
        target = self._place / f"source-{version}"
        if not target.exists():
            archives = self._place / "archives"
            wanted = [
                "--no-deps",
                "--no-binary",
                self.suite.package,
                f"{self.suite.package}=={version}",
            ]
            subprocess.run(
                [self.python, "-m", "pip", "download", "-q", "-d", archives, *wanted], check=True
            )
            (archive,) = archives.glob(f"*{version}.tar.gz")
            with tarfile.open(archive) as opened:
                opened.extractall(target, filter="data")
        return next(path for path in target.iterdir() if path.is_dir())

    def run(self, mode: str, tests: list[str], report: Path, server: str, seconds: int) -> str:
        """Run tests, `bare` or with callspan `on`; return its output, which stands in a log beside `report`."""
        added = {name: value.format(server=server) for name, value in self.suite.variables.items()}
        marks = {
            "CALLSPAN_SUITE_MODE": mode,
            "CALLSPAN_SUITE_REPORT": str(report),
            "PYTHONPATH": str(PLUGIN),
        }
        options = [
            "-p",
            "callspan_suite",
            "-p",
            "no:cacheprovider",
            "-q",
            "--timeout=120",
            *self.suite.options,
        ]
        options += [
            f"{'--deselect' if '::' in test else '--ignore'}={test}" for test in self.suite.omitted
        ]
        log = report.with_suffix(".log")
        with log.open("w", encoding="utf-8") as output:
            try:
                subprocess.run(
                    [self.python, "-m", "pytest", *options, *self._match(tests)],
                    check=False,
                    cwd=self.folder(),
                    env={**os.environ, **added, **marks},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                )
            except subprocess.TimeoutExpired:
                output.write(f"\nnot done after {seconds} s\n")
        return log.read_text(encoding="utf-8")

    def _match(self, tests: list[str]) -> list[str]:
        """Return tests with each pattern replaced by the files that it matches; names of single tests stay."""
        matched: list[str] = []
        for test in tests:
            if "::" in test:
                matched.append(test)
                continue
            files = sorted(
                str(path.relative_to(self.folder())) for path in self.folder().glob(test)
            )
            if not files:
                raise SystemExit(f"{self.suite.package} {self.version()} has no {test}")
            matched.extend(files)
        return matched
