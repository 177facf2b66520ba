"""The processes of one program that share `/metrics`: a folder with a file for each of them.

One of them serves the sums of all. Locks of the system say who that is and who still runs, as they
are free at once when a process ends, however it ends (docs/decisions/0099).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callspan.runtime import owner_only, process

if TYPE_CHECKING:
    from callspan.export.prometheus_sums import Family, Sums

_PREFIX = "callspan-metrics-"
_SIBLINGS = "siblings-"
_MODE = 0o700
_LOCK, _METRICS = ".lock", ".json"
_LEADER, _PORT, _ENDED = "leader", "port", "ended"


def new_folder() -> str:
    """Return the name of a folder for this program, which is not made yet; empty if there is no place for it."""
    return owner_only.temporary_name(_PREFIX) if _has_owners() else ""


def siblings_folder(address: str) -> str:
    """Return the name of the folder for processes that are set up one by one, such as gunicorn's workers.

    They have the parent, the program and the address in common; without the folder all but the first
    would find the port taken.
    """
    program = f"{sys.argv[0]} {address}"
    digest = hashlib.sha256(program.encode("utf-8", "surrogateescape")).hexdigest()
    name = f"{_PREFIX}{os.getppid()}-{_SIBLINGS}{digest[:16]}"
    return owner_only.temporary_path(name) if _has_owners() else ""


def _has_owners() -> bool:
    """Whether folders have owners and files have locks as they are needed here; Windows has neither."""
    return hasattr(os, "geteuid")


def remove_old_folders() -> None:
    """Remove the folders of programs that were killed and could not do it."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            if _is_ours(folder):
                remove_folder(str(folder))


def remove_folder(name: str) -> None:
    """Remove the folder of a program, if no process of the program runs any more."""
    folder = Path(name)
    if not folder.name.startswith(_PREFIX) or _first_process_runs(folder):
        return
    with contextlib.suppress(OSError):
        if not any(map(_is_locked, folder.glob(f"*/*{_LOCK}"))):
            shutil.rmtree(folder, ignore_errors=True)


def _first_process_runs(folder: Path) -> bool:
    """Whether the process runs that the folder is named after, not counting this one."""
    number, _, kind = folder.name.removeprefix(_PREFIX).partition("-")
    if not number.isdecimal() or int(number) == os.getpid():
        return False
    if kind.startswith(_SIBLINGS):  # their parent may be a shell, which runs for days
        return False
    return process.runs(int(number))


def _is_ours(folder: Path) -> bool:
    """Whether a folder belongs to this user and is no link."""
    return folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()


def _is_locked(path: Path) -> bool:
    """Whether a process that runs holds the lock of a file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return owner_only.lock(descriptor) is not None
    finally:
        os.close(descriptor)


def _process_labels(name: str) -> dict[str, str]:
    # as the multiprocess mode of prometheus_client names it
    return {"pid": name.partition("-")[0]}


class Group:
    """This process as one of a group.

    Raises `OSError` where the folder cannot be used, or where the system has no locks.
    """

    def __init__(self, folder: str, address: str) -> None:
        self.folder = folder
        # one program may serve two addresses, as `callspan run` and `configure()` may both have one
        name = "".join(letter if letter.isalnum() else "_" for letter in address)
        self._place = Path(folder) / name
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._locks: dict[str, int] = {}
        # first the outer one, as `parents=True` would open it to others
        for path in (Path(folder), self._place):
            path.mkdir(_MODE, exist_ok=True)
        if not _is_ours(Path(folder)):
            raise PermissionError(f"{folder} belongs to somebody else")
        # by another name first: a file without a lock is one of a process that has ended
        if not self._hold(f"{self._name}.new"):
            raise OSError("files cannot be locked")
        os.rename(self._place / f"{self._name}.new", self._place / f"{self._name}{_LOCK}")
        if _SIBLINGS in Path(folder).name:
            self._remove_old()

    def _remove_old(self) -> None:
        """Remove what an earlier program has left, which the same shell has started."""
        if not self.lead() or self._running():
            return
        for name in (*self._others(), _ENDED):
            self._remove(name)

    def _hold(self, name: str) -> bool:
        """Hold the lock of a file, and return whether that was possible."""
        descriptor = owner_only.open_to_append(str(self._place / name))
        if owner_only.lock(descriptor) is not None:
            os.close(descriptor)
            return False
        self._locks[name] = descriptor
        return True

    def lead(self) -> bool:
        """Become the one that serves the sums, and return whether that was possible."""
        return _LEADER in self._locks or self._hold(_LEADER)

    @property
    def port(self) -> int | None:
        """The port at which the group's metrics are served, or were last."""
        with contextlib.suppress(OSError, ValueError):
            return int((self._place / _PORT).read_text())
        return None

    @port.setter
    def port(self, port: int) -> None:
        self._write(_PORT, str(port))

    def share(self, families: list[Family]) -> None:
        """Write the metrics of this process for the others."""
        self._write(f"{self._name}{_METRICS}", json.dumps(families))

    def _write(self, name: str, text: str) -> None:
        """Write a file whole: another process sees the old text or the new one."""
        path = self._place / f"{name}.{self._name}"
        path.write_text(text, encoding="utf-8")
        os.replace(path, self._place / name)

    def sums(self, families: list[Family]) -> Sums:
        """Return the sums of this process's metrics and those of the others."""
        from callspan.export.prometheus_sums import Sums

        names = self._others()
        running = {name for name in names if self._is_running(name)}
        sums = Sums()
        sums.add_running(families, _process_labels(self._name) if running else {})
        for name in sorted(running):
            sums.add_running(self._read(name, []), _process_labels(name))
        sums.add_ended(self._ended(names - running))
        return sums

    def _others(self) -> set[str]:
        """Return the names of the other processes of which there are files."""
        return {path.stem for path in self._place.glob(f"*{_LOCK}")} - {self._name}

    def _running(self) -> set[str]:
        """Return the names of the other processes that run."""
        return {name for name in self._others() if self._is_running(name)}

    def _is_running(self, name: str) -> bool:
        return _is_locked(self._place / f"{name}{_LOCK}")

    def _ended(self, names: set[str]) -> list[Family]:
        """Return the sums of all processes that have ended, and keep them in one file.

        Args:
            names: Those that still have files of their own.
        """
        from callspan.export.prometheus_sums import Sums

        # it names those whose files may be left, as this process may be killed before it removes them
        content = self._read(_ENDED, {"names": [], "families": []})
        new = names - set(content["names"])
        if new:
            sums = Sums()
            sums.add_ended(content["families"])
            for name in sorted(new):
                sums.add_ended(self._read(name, []))
            content = {"names": sorted(names), "families": sums.plain()}
            try:
                self._write(f"{_ENDED}{_METRICS}", json.dumps(content))
            except OSError:  # such as a full disk: their own files stay until the next time
                return content["families"]
        for name in names:
            self._remove(name)
        return content["families"]

    def _read(self, name: str, default: Any) -> Any:
        try:
            return json.loads((self._place / f"{name}{_METRICS}").read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it has written nothing yet
            return default

    def _remove(self, name: str) -> None:
        # the lock last: by its name the other one is found
        for end in (_METRICS, _LOCK):
            with contextlib.suppress(OSError):
                (self._place / f"{name}{end}").unlink()

    @property
    def has_others(self) -> bool:
        """Whether there are metrics of other processes."""
        own = f"{self._name}{_METRICS}"
        return any(path.name != own for path in self._place.glob(f"*{_METRICS}"))

    def leave(self) -> None:
        """Belong to the group no more; the last one removes its folder."""
        self.forget()
        remove_folder(self.folder)

    def forget(self) -> None:
        """Close the files; in a forked child, they stay locked by its parent."""
        while self._locks:
            _, descriptor = self._locks.popitem()
            os.close(descriptor)
