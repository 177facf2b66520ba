"""Redaction of secrets and personal data in texts, before they leave the process."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any

Redact = Callable[[str, str], "str | None"]
"""A redaction hook: takes a text and the kind of content that it is part of, returns the new text.

The kinds are `input`, `output`, `system`, `tools`, `arguments`, `results` and `error`. A hook that
returns `None` leaves an empty text.
"""


def redact_common(text: str, where: str = "") -> str:
    """Hide keys, passwords, e-mail addresses, and numbers of phones, cards, accounts and persons.

    Each is replaced by its kind and its length. SECURITY.md lists the forms that are recognised
    and those that are not, with rates.

    Args:
        text: A text of the conversation.
        where: The kind of content, such as `input`; every kind is redacted alike.

    Returns:
        The text without secrets and personal data.
    """
    # loaded by the first text: to compile their patterns takes longer than all else at the start
    from callspan.content.credentials import hide_credentials
    from callspan.content.personal import hide_personal_data

    return hide_personal_data(hide_credentials(text))


_TELLING_NAME = re.compile(
    r"(?i)pass|pwd|key|secret|token|credential|auth|phone|tel|mobile|cell|fax|whatsapp"
    r"|birth|dob|born|\bip\b|address|licen[cs]e|ssn|social|tax|aadhaar|medicare|account|routing"
    r"|密|电话|手机|身份证"
)
"""Names of fields whose values may be private, whatever their form."""
# `api_key` and `apiKey` become `api key`: the patterns begin at the boundary of a word, and to
# them `_` is a letter
_WORD_BREAK = re.compile(r"[_-]+|(?<=[a-z])(?=[A-Z])")
_MOST_VALUE = 200
"""Characters of a value that is redacted by the name of its field; a longer one is a text."""


def redact_field(name: str, value: str, where: str) -> str:
    """Return the value of a field redacted, also by its name as in `{"password": "hunter2"}`.

    The patterns look for a word before a value, so the name is put before it for a moment.
    """
    words = _WORD_BREAK.sub(" ", name)
    # a harmless name adds nothing, and a long value is a text with words of its own
    if len(value) > _MOST_VALUE or not _TELLING_NAME.search(words):
        return redact_common(value, where)
    before = f'{words}="'
    redacted = redact_common(f'{before}{value}"', where)
    if redacted.startswith(before):
        return redacted[len(before) : -1]
    # the name itself was redacted
    return redact_common(value, where)


def knows_fields(redact: Redact) -> bool:
    """Whether a redaction is the common one, or has it among its steps.

    Only that one is called with names of fields.
    """
    if isinstance(redact, Steps):
        return any(map(knows_fields, redact.steps))
    return redact is redact_common


class Steps:
    """Several redactions, one after the other.

    Attributes:
        steps: The redactions.
    """

    __slots__ = ("steps",)

    def __init__(self, steps: Iterable[Redact]) -> None:
        self.steps = tuple(steps)

    def __call__(self, text: str, where: str) -> str | None:
        """Return the text after all steps; `None` as soon as one of them returns it."""
        for step in self.steps:
            changed = step(text, where)
            if changed is None:
                return None
            text = changed
        return text


class ImportedHook:
    """A redaction hook named as `module:function`.

    It is imported at the first text, not with the setting: with `callspan run` settings are read
    before the program's own modules can be imported.

    Attributes:
        name: The hook's name.
    """

    __slots__ = ("_function", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._function: Any = None

    def __call__(self, text: str, where: str) -> str | None:
        """Return the text that the imported function returns."""
        # two threads may both import it: they get the same function
        if self._function is None:
            module, _, function = self.name.partition(":")
            self._function = getattr(importlib.import_module(module), function)
        return self._function(text, where)


_MODULE_FUNCTION = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")


def parse(value: str) -> Redact:
    """Return the redaction that a setting names.

    It is `common`, `phones:US,DE` or `module:function`, or several of them with `+` between.

    Raises:
        ValueError: The setting is none of these; the text is one line for a user.
    """
    steps = [_parse_step(step.strip()) for step in value.split("+")]
    if len(steps) == 1:
        return steps[0]
    return Steps(steps)


def _parse_step(step: str) -> Redact:
    name, _, regions = step.partition(":")
    if step == "common":
        return redact_common
    if name == "phones":
        from callspan.content.phones import Phones

        return Phones(region.strip() for region in regions.split(","))
    if _MODULE_FUNCTION.fullmatch(step):
        return ImportedHook(step)
    raise ValueError(
        "give a function of (text, where), 'common', 'phones:US,DE' or 'module:function'"
    )
