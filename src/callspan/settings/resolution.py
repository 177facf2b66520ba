"""How settings are resolved once into one object.

Arguments come first, then environment variables, then defaults.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.settings import others
from callspan.settings.settings import SETTINGS, Settings
from callspan.settings.values import Source, suggestion

ValidNames = Mapping[str, Collection[str]]
"""The names that are valid, for each setting that is a list of names and has no words here."""
_ANY_NAMES: ValidNames = MappingProxyType({})


def resolve(
    arguments: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    names: ValidNames = _ANY_NAMES,
) -> Settings:
    """Return the settings made of arguments, environment variables and defaults.

    A variable with a wrong value is reported once and counts as not set.

    Args:
        arguments: Values by setting; `None` means that the argument was left out.
        environ: The environment variables.
        names: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: An argument is wrong.
    """
    resolved: dict[str, Any] = {}
    # first: a wrong argument raises, as whoever wrote it can mend it
    for name, value in arguments.items():
        if value is not None:
            resolved[name] = check(name, value, names=names)
    _add_variables(resolved, environ, names)
    for name, value in others.settings_of(environ).items():
        resolved.setdefault(name, value)
    return Settings(**resolved)


def _add_variables(resolved: dict[str, Any], environ: Mapping[str, str], names: ValidNames) -> None:
    """Add the settings whose variables are set, where no argument came before them."""
    for name, setting in SETTINGS.items():
        text = environ.get(setting.variable, "").strip()
        if name in resolved or not text:
            continue
        try:
            resolved[name] = from_text(name, text, setting.variable, names)
        # a variable may be set for all programs of a machine, so a wrong one stops none of them
        except SettingsError as error:
            guard.say_once(str(error))
            if setting.restricts_content:
                # the user meant to hold something back: to record all of it would be a leak
                resolved["capture"] = "off"


def check(
    name: str, value: Any, variable: str | None = None, names: ValidNames = _ANY_NAMES
) -> Any:
    """Return the value of a setting in its own type.

    Args:
        name: The name of the setting.
        value: The value that the user chose.
        variable: The variable that has the value, for error messages; `None` for an argument.
        names: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: There is no such setting, or the value is wrong.
    """
    setting = SETTINGS.get(name)
    if setting is None:
        raise SettingsError(f"unknown setting {name!r}{suggestion(name, SETTINGS)}")
    valid = setting.words or names.get(name)
    return setting.check(value, Source(name, variable, valid, setting.noun))


def from_text(name: str, text: str, variable: str, names: ValidNames = _ANY_NAMES) -> Any:
    """Return the value of a setting, by the text of its environment variable.

    Args:
        name: The name of the setting.
        text: The text of the variable, not empty.
        variable: The name of the variable, for error messages.
        names: The names that are valid, for each setting that is a list of names.

    Raises:
        SettingsError: The text is wrong.
    """
    value = SETTINGS[name].parse(text, variable)
    return check(name, value, variable, names)
