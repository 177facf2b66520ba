"""An environment for a row, made by uv outside the checkout, and what is in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .rows import Row

ROOT = Path(__file__).parent.parent.parent
_LIST = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def cache() -> Path:
    """Where environments and results are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("CALLSPAN_CACHE") or Path(base) / "callspan-ci") / "matrix"


def find_uv() -> str:
    """The program that makes environments; ends with one line where there is none."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit(
            "uv is needed, which makes the environments: pip install uv, or name it by --uv"
        )
    return found


def find_python(version: str) -> str | None:
    """An interpreter of a version, if this machine has one."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(installed[-1]) if installed else shutil.which(f"python{version}")


class Environment:
    """The environment of one row; made when it is first asked for, and brought up to date each time."""

    def __init__(self, row: Row, uv: str, base: Path) -> None:
        self._row, self._uv = row, [uv, "--quiet"]
        self._place = base / row.name
        self.python = self._place / "bin" / "python"

    def make(self, interpreter: str) -> None:
        """Install callspan as it is in the checkout, unless the row has no extra of it, and what the row asks for."""
        if not self.python.exists():
            subprocess.run([*self._uv, "venv", "--python", interpreter, self._place], check=True)
        own = [f"{ROOT}[{self._row.extra}]"] if self._row.extra else []
        wanted = [*own, *self._row.requires]
        fresh = ["--upgrade", "--reinstall-package", "callspan"]
        subprocess.run(
            [*self._uv, "pip", "install", *fresh, "--python", self.python, *wanted], check=True
        )

    def versions(self) -> dict[str, str]:
        """What is installed."""
        done = subprocess.run(
            [self.python, "-c", _LIST], capture_output=True, text=True, check=True
        )
        return {
            name.lower().replace("_", "-"): version
            for name, version in json.loads(done.stdout).items()
        }

    def command(self) -> list[str]:
        """What runs the row's tests."""
        select = ["-k", self._row.select] if self._row.select else []
        return [
            str(self.python),
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-n",
            "auto",
            "--dist",
            "worksteal",
            *self._row.tests,
            *select,
        ]
