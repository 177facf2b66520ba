"""The program to run, as a shell would find it: what must be right before it is started."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder

from callspan.cli import interpreter
from callspan.cli.problem import Problem, meant

_SCRIPTS = (".py", ".pyw", ".pyz")


@dataclass(frozen=True)
class Program:
    """A file to execute and the words it is given, the first of them its name."""

    executable: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name for the service, where nobody has given one."""
        start = interpreter.start_of(self.executable, self.words)
        match start.rest if start else ():
            case ("-m", module, *_):
                return module
            case ("-c" | "-", *_):
                return "python"
            case (script, *_):
                return os.path.splitext(os.path.basename(os.path.abspath(script)))[0]
        return os.path.basename(self.words[0])


def find(words: Sequence[str], environ: Mapping[str, str]) -> Program:
    """The program that the words name; a `Problem` where it cannot be run, or could not be recorded."""
    if not words:
        raise Problem("no program to run: name one, as in callspan run app.py")
    if words[0][:2] in ("-m", "-c") or words[0].endswith(_SCRIPTS) or _has_main(words[0]):
        words = (sys.executable, *words)
    program = Program(_executable(words[0]), tuple(words))
    start = interpreter.start_of(program.executable, program.words)
    if start:
        _must_exist(start)
        interpreter.must_let_callspan_in(start, environ)
    return program


def _has_main(word: str) -> bool:
    return os.path.isfile(os.path.join(word, "__main__.py"))


def _executable(word: str) -> str:
    found = shutil.which(word)
    if found is None and os.path.basename(word) == word:
        # The command may be called by its path, out of an environment that is not activated.
        found = shutil.which(word, path=os.path.dirname(sys.executable))
    if found:
        return os.path.abspath(found)
    if os.path.isdir(word):
        raise Problem(f"{word} is a folder without __main__.py: name a program in it")
    if os.path.exists(word):
        raise Problem(
            f"{word} is not executable: chmod +x {word}, or say how to run it, as in python {word}"
        )
    if os.path.exists(f"{word}.py"):
        raise Problem(f"there is no program {word!r} (did you mean {word + '.py'!r}?)")
    raise Problem(
        f"there is no program {word!r} on PATH{meant(word, _programs())}: check its spelling, or install it"
    )


def _programs() -> set[str]:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), os.path.dirname(sys.executable)]
    return {name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)}


def _must_exist(start: interpreter.Start) -> None:
    match start.rest:
        case ("-m", module, *_):
            _must_be_module(start, module)
        case ("-m" | "-c",):
            raise Problem(
                f"python {start.rest[0]} needs {'a module' if start.rest[0] == '-m' else 'code'} after it"
            )
        case ("-c" | "-", *_) | ():
            pass
        case (script, *_) if not os.path.exists(script):
            folder = os.path.dirname(script) or "."
            near = meant(
                os.path.basename(script), os.listdir(folder) if os.path.isdir(folder) else ()
            )
            raise Problem(f"there is no file {script!r}{near}: check its path")


def _must_be_module(start: interpreter.Start, module: str) -> None:
    if os.path.abspath(start.executable) != os.path.abspath(sys.executable):
        return  # only that Python knows its modules
    top = module.partition(".")[0]
    if top not in sys.builtin_module_names and PathFinder.find_spec(top, ["", *sys.path]) is None:
        raise Problem(
            f"there is no module {module!r}{meant(module, os.listdir('.'))}: check its name, or install it"
        )
