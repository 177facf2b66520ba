"""The program to run: find it as a shell would, and check it before it is started."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder

from callspan.cli import bundle, interpreter
from callspan.cli.problem import Problem, suggest

_SCRIPTS = (".py", ".pyw", ".pyz")
_ARGUMENTS = {"-m": "a module", "-c": "code"}


@dataclass(frozen=True)
class Program:
    """A file to execute, and the words of the command, the first of which is its name."""

    executable: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name for the service, used where the user sets none."""
        start = interpreter.parse_command(self.executable, self.words)
        rest = start.rest if start else ()
        match rest:
            case ("-m", module, *_):
                return module
            case ("-c" | "-", *_):
                return "python"
            case (script, *_):
                file_name = os.path.basename(os.path.abspath(script))
                return os.path.splitext(file_name)[0]
        return os.path.basename(self.words[0])


def find_program(words: Sequence[str], environ: Mapping[str, str]) -> Program:
    """Return the program that the words name.

    Raises:
        Problem: It cannot be run, or nothing would be recorded in it.
    """
    if not words:
        raise Problem("no program to run: name one, as in callspan run app.py")
    if _is_for_python(words[0]):
        words = (sys.executable, *words)
    program = Program(_find_executable(words[0]), tuple(words))
    start = interpreter.parse_command(program.executable, program.words)
    if start:
        _check_rest(start)
        interpreter.check_start(start, environ)
    bundle.check_contents(_find_file(program, start))
    return program


def _is_for_python(word: str) -> bool:
    """Whether a program has to be run by our own Python."""
    if word[:2] in _ARGUMENTS or word.endswith(_SCRIPTS):
        return True
    return os.path.isfile(os.path.join(word, "__main__.py")) or bundle.is_zipapp(word)


def _find_file(program: Program, start: interpreter.Start | None) -> str:
    """Return the path of what is run: the script that Python is given, else the program itself."""
    script = start.rest[0] if start and start.rest else ""
    return script if script and not script.startswith("-") else program.executable


def _find_executable(word: str) -> str:
    """Return the path of a program as a shell finds it; raise `Problem` with the likeliest fix."""
    path = shutil.which(word)
    if path is None and os.path.basename(word) == word:
        # `callspan` may be called by its path, out of an environment that is not activated.
        path = shutil.which(word, path=os.path.dirname(sys.executable))
    if path:
        return os.path.abspath(path)
    if os.path.isdir(word):
        raise Problem(f"{word} is a folder without __main__.py: name a program in it")
    if os.path.exists(word):
        raise Problem(
            f"{word} is not executable: chmod +x {word}, or say how to run it, as in python {word}"
        )
    script = f"{word}.py"
    if os.path.exists(script):
        raise Problem(f"there is no program {word!r} (did you mean {script!r}?)")
    hint = suggest(word, _programs())
    raise Problem(f"there is no program {word!r} on PATH{hint}: check its spelling, or install it")


def _programs() -> set[str]:
    """Return the names of all files in the folders in which programs are looked for."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    folders.append(os.path.dirname(sys.executable))
    names: set[str] = set()
    for folder in folders:
        if os.path.isdir(folder):
            names.update(os.listdir(folder))
    return names


def _check_rest(start: interpreter.Start) -> None:
    """Raise `Problem` if the script or the module that Python is to run does not exist."""
    match start.rest:
        case ("-m", module, *_):
            _check_module(start, module)
        case ("-m" | "-c" as option,):
            raise Problem(f"python {option} needs {_ARGUMENTS[option]} after it")
        case ("-c" | "-", *_) | ():
            pass  # code, standard input and the prompt name no file
        case (script, *_):
            _check_script(script)


def _check_script(script: str) -> None:
    if os.path.exists(script):
        return
    folder = os.path.dirname(script) or "."
    neighbours = os.listdir(folder) if os.path.isdir(folder) else []
    hint = suggest(os.path.basename(script), neighbours)
    raise Problem(f"there is no file {script!r}{hint}: check its path")


def _check_module(start: interpreter.Start, module: str) -> None:
    if os.path.abspath(start.executable) != os.path.abspath(sys.executable):
        return  # another Python has other modules
    top = module.partition(".")[0]
    if top in sys.builtin_module_names:
        return
    # Only the top package is looked for: to find a module in a package, Python imports the package.
    if PathFinder.find_spec(top, ["", *sys.path]) is None:
        hint = suggest(module, os.listdir("."))
        raise Problem(f"there is no module {module!r}{hint}: check its name, or install it")
