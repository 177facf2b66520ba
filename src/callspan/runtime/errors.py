"""Exceptions for wrong settings and destinations."""

from __future__ import annotations


class SettingsError(ValueError):
    """A setting that callspan does not know; the message is one line that names the fix."""

    # the public place, which tracebacks name
    __module__ = "callspan"


class ConfigurationError(ValueError):
    """A destination that cannot be used; the message is one line that names the fix."""

    __module__ = "callspan"
