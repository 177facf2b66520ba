"""The common redaction hides what is private and leaves alone what only looks so, in samples of both kinds."""

from __future__ import annotations

import json
import random
import re
import string
import sys
import time
from pathlib import Path

import pytest

import callspan
from callspan.content import redaction
from telemetry import Telemetry

HERE = Path(__file__).parent
LETTERS = {
    "a": string.ascii_letters + string.digits,
    "h": "0123456789abcdef",
    "u": string.ascii_uppercase + "234567",
    "l": string.ascii_lowercase + string.digits,
    "w": string.ascii_letters + string.digits + "-_",
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "+/",
}
SEEDS = range(3)
LEAST_PIECE = 8
"""Characters of a secret that must not be left together, where it is hidden in part."""


def lines(name: str) -> list[str]:
    """The samples of a file."""
    text = (HERE / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def made(template: str, seed: int) -> tuple[str, str]:
    """A text, and what in it is private, with letters by chance where the template asks for them."""
    rng = random.Random(f"{seed} {template}")

    def letters(match: re.Match[str]) -> str:
        return "".join(rng.choice(LETTERS[match[1]]) for _ in range(int(match[2])))

    text = re.sub(r"\{([ahulwdb])(\d+)\}", letters, template).replace("\\n", "\n")
    before, secret, after = re.split("[«»]", text)
    return before + secret + after, secret


def pieces(secret: str) -> list[str]:
    """What must not be left of a secret: all of it, and of a long one each piece."""
    if len(secret) < 2 * LEAST_PIECE:
        return [secret]
    return [secret[start : start + LEAST_PIECE] for start in range(len(secret) - LEAST_PIECE + 1)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("template", lines("private.txt"))
def test_what_is_private_is_hidden(template: str, seed: int) -> None:
    """No piece of it is left, and what stands around it is."""
    text, secret = made(template, seed)
    hidden = callspan.redact_common(text)
    assert not [piece for piece in pieces(secret) if piece in hidden]
    assert " characters]" in hidden


@pytest.mark.parametrize("text", lines("harmless.txt"))
def test_what_is_harmless_stays(text: str) -> None:
    """Names of columns, ids, hashes, versions, dates, numbers and programs are no secrets."""
    assert callspan.redact_common(text) == text


def test_a_text_in_which_much_is_hidden_keeps_the_rest() -> None:
    """Each is replaced by itself, in one text of several lines."""
    text = "call +49 30 1234567 or write to rosa@flowers.example\nAuthorization: Bearer a1B2c3D4e5F6g7H8i9J0\nbye"
    assert callspan.redact_common(text) == (
        "call [phone, 14 characters] or write to [e-mail, 20 characters]\n"
        "Authorization: Bearer [key, 20 characters]\nbye"
    )


@pytest.mark.parametrize(
    "text", ["a" * 60_000, "-" * 60_000, "1 " * 30_000, "sk-" * 20_000, "password " * 6_000]
)
def test_no_text_takes_long(text: str) -> None:
    """A hostile text takes no more than a few times as long as prose of its length: the patterns are linear."""
    prose = ("Roses are sold by the dozen, order 4711 costs 12.50 euros. " * 1_100)[: len(text)]
    assert _cost(text) < 40 * _cost(prose)


def _cost(text: str) -> float:
    """Processor seconds, the least of three."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        callspan.redact_common(text)
        spent.append(time.process_time() - before)
    return min(spent)


NATIONAL_PHONES = {
    "GB": "020 7946 0018 or 0121 234 5678",
    "DE": "030 901820",
    "US": "650 253 0000",
    "CN": "010 8888 6666",
}


@pytest.mark.parametrize("region", NATIONAL_PHONES)
def test_phones_of_a_country_are_hidden_where_that_is_asked_for(region: str) -> None:
    """As people there write them; another country's numbers, and the same text without the setting, stay."""
    redact = redaction.parse(f"phones:{region}")
    hidden = redact(f"write down {NATIONAL_PHONES[region]} please", "input")
    assert hidden is not None
    assert "phone, " in hidden
    assert not any(map(str.isdigit, re.sub(r"\[phone, \d+ characters\]", "", hidden)))


def test_redactions_are_joined() -> None:
    """One after the other, a function by its name among them."""
    redact = redaction.parse("phones:CN+callspan:redact_common")
    assert (
        redact("rosa@flowers.example, 010 8888 6666", "input")
        == "[e-mail, 20 characters], [phone, 13 characters]"
    )


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("phones:Germany", "'Germany' is no code of a country: write such as 'phones:US,DE'"),
        ("phones", "'' is no code of a country"),
        ("phones:XX", "'XX' is no country with phone numbers"),
        ("commmon", "'common', 'phones:US,DE' or 'module:function'"),
        ("common+", "'common', 'phones:US,DE' or 'module:function'"),
    ],
)
def test_a_wrong_redaction_names_what_is_right(value: str, advice: str) -> None:
    """In one line, which names the setting and what was written."""
    with pytest.raises(callspan.SettingsError, match=re.escape(advice)) as raised:
        callspan.instrument(redact=value)
    assert str(raised.value).startswith(f"redact is {value!r}: ")


def test_phones_without_their_package_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, rather than a traceback."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(callspan.SettingsError, match=re.escape("pip install 'callspan[phones]'")):
        callspan.instrument(redact="common+phones:US")


FIELDS = {
    "user": {"password": "hunter2", "apiKey": "9f8e7d6c5b4a39281706f5e4d3c2b1a0", "name": "Rosa"},
    "card": 4111111111111111,
    "order": 12345678,
    "rosa@flowers.example": 3,
    "date_of_birth": "1985-04-12",
    "phone_number": "4155552671",
    "sort_key": "created_at",
    "items": [{"pwd": "s3cret!!"}],
}
HIDDEN = {
    "user": {
        "password": "[password, 7 characters]",
        "apiKey": "[key, 32 characters]",
        "name": "Rosa",
    },
    "card": "[card number, 16 characters]",
    "order": 12345678,
    "[e-mail, 20 characters]": 3,
    "date_of_birth": "[date of birth, 10 characters]",
    "phone_number": "[phone, 10 characters]",
    "sort_key": "created_at",
    "items": [{"pwd": "[password, 8 characters]"}],
}


@pytest.mark.parametrize("redact", ["common", "common+phones:GB"])
def test_fields_of_arguments_are_hidden_by_their_names(telemetry: Telemetry, redact: str) -> None:
    """A password by itself has no form, but the name of its field tells; numbers and keys are looked at as well."""
    telemetry.instrument(capture="span", redact=redact)

    @callspan.tool
    def order(fields: dict[str, object]) -> dict[str, object]:
        return fields

    assert order(FIELDS) == FIELDS
    assert json.loads(telemetry.attributes["gen_ai.tool.call.arguments"]) == {"fields": HIDDEN}
    assert json.loads(telemetry.attributes["gen_ai.tool.call.result"]) == HIDDEN


def test_a_long_text_is_not_told_by_the_name_of_its_field(telemetry: Telemetry) -> None:
    """One of 200 characters may still be what the name says; a longer one tells by itself what it is."""
    telemetry.instrument(capture="span", redact="common")

    @callspan.tool
    def order(api_key: str) -> None: ...

    text = "a1B2c3D4e5F6g7H8 ".ljust(200, "x")
    for length, shown in ((200, f"[key, 16 characters]{text[16:]}"), (201, f"{text}x")):
        order(api_key=text.ljust(length, "x"))
        arguments = telemetry.spans[-1].attributes["gen_ai.tool.call.arguments"]
        assert json.loads(arguments) == {"api_key": shown}


def test_a_hook_of_the_app_sees_long_numbers_as_texts(telemetry: Telemetry) -> None:
    """It is asked for values, not for keys, and a number that it lets pass stays a number."""
    seen: list[str] = []
    telemetry.instrument(capture="span", redact=lambda text, _where: seen.append(text) or text)

    @callspan.tool
    def order(card: int, count: int) -> None: ...

    order(card=4111111111111111, count=3)
    assert seen == ["4111111111111111"]
    assert json.loads(telemetry.attributes["gen_ai.tool.call.arguments"]) == {
        "card": 4111111111111111,
        "count": 3,
    }
