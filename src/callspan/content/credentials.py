"""Hide keys, tokens and passwords: known by the form that their issuer gives them, or by the name before them."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Callable

from callspan.content.key_formats import GENERAL_PREFIXES, PREFIXES, SHAPES

LEAST_CHANGES = 0.2
"""Changes between capitals, small letters and digits, for each character: random text has 0.45 and more, names less."""

_LONG = re.compile(r"[A-Za-z0-9_.~+/%|:=-]{14,}")
"""What is long enough to hold a key; most words are not, and are passed over at once."""
_PRIVATE_KEY = re.compile(
    r"-----BEGIN[ A-Z0-9]{1,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END[ A-Z0-9]{1,40}KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_WEBHOOK = re.compile(
    r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}"
    r"|discord(?:app)?\.com/api/webhooks/\d{10,}/[A-Za-z0-9_-]{20,}"
    r"|[a-z0-9]+\.webhook\.office\.com/webhookb2/[^\s\"'<>]{40,})"
)
_USER_IN_URL = re.compile(r"(?<=://)[^\s:/@\"'<>{}$]{0,100}:([^\s/@\"'<>{}$]{3,200})@(?=[\w.\[-])")
_HEADER = re.compile(r"(?i)(?<![\w-])(bearer|basic|ssws|apikey|token) +([A-Za-z0-9._~+/-]{12,}=*)")
_CURL_USER = re.compile(r"(?<=\s)(?:-u|--user)[ =][\"']?[^\s:\"']{1,100}:([^\s\"']{3,100})")

_ASSIGNS = r"[\"'\]`]{0,2}\s{0,3}(?:=>|:=|[:=\uff1a]|\bis\b|是|为)\s{0,3}"
_PASSWORD_SIGNS = ("pass", "pwd", "contrase", "mot de", "senha", "密码", "口令")
_PASSWORD = re.compile(
    r"(?i)(?:passw(?:or)?d|passphrase|passwd|passcode|pwd|contraseña|passwort|mot de passe|senha|密码|口令)"
    rf"{_ASSIGNS}(?:\"([^\"\n]{{4,100}})\"|'([^'\n]{{4,100}})'|([^\s\"'`,;&|<>()]{{4,100}}))"
)
_SECRET_SIGNS = ("key", "secret", "token", "credential", "密钥", "令牌")
_SECRET = re.compile(
    r"(?i)(?:(?:api|access|account|auth|private|secret|encryption|signing|master|subscription|shared|license|storage)"
    r"[ _.-]?(?:access[ _.-]?)?keys?|secrets?|tokens?|credentials?|密钥|令牌)(?:[ _.-](?:id|value|base64|\d))?"
    rf"{_ASSIGNS}[\"'`]?([A-Za-z0-9_.~+/%-]{{16,}}={{0,2}})"
)
_PAGE_TOKEN = re.compile(
    r"(?i)(?:page|continuation|next|sync|resume|cancellation|idempotency)[ _-]?(?:token|key)\W*$"
)
"""Names of tokens that open nothing."""
_SAMPLE = re.compile(
    r"(?i)^(?:your|my[-_]|the[-_]|some|example|sample|dummy|placeholder|change|insert|redacted|x{4,}|\*)"
)
"""How documents write a key that is none."""
_PROGRAM = re.compile(
    r"[(\[{]|^\$|^(?:os|env|process|self|config|settings|args|data|request|var|secrets)\."
)
"""What stands after `password =` in programs and is no password: a call, an index, a variable."""


def _alternatives(rows: tuple[tuple[str, int], ...]) -> str:
    """Return one alternative a prefix, the longest first, so that `xoxe.xox` is tried before `xoxe-`."""
    longest_first = sorted(rows, key=lambda row: -len(row[0]))
    return "|".join(
        f"{re.escape(prefix)}[A-Za-z0-9_.+/=-]{{{least},}}" for prefix, least in longest_first
    )


_KEY = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?P<shape>{'|'.join(SHAPES)})|(?P<known>{_alternatives(PREFIXES)})"
    rf"|(?P<general>{_alternatives(GENERAL_PREFIXES)}))"
)
_PREFIX = re.compile(r"^[A-Za-z0-9]{1,12}[-_.]")
_WORDS = re.compile(r"[A-Za-z][a-z]+(?:[-_.][A-Za-z]?[a-z]+)+[.]*|[xX*.-]+|(?i:your[-_].*)")
"""Words, and samples such as `xxxxxxxx`, which follow the prefix of a key in documents and names."""


def mark(kind: str, text: str) -> str:
    """Return what stands in place of a text that is hidden: what it was, and its length."""
    return f"[{kind}, {len(text)} characters]"


def hide(kind: str, is_meant: Callable[[str], bool] = bool) -> Callable[[re.Match[str]], str]:
    """Return a replacement for `re.sub`: it hides a match, or its last group and keeps the rest, if that is meant."""

    def replace(match: re.Match[str]) -> str:
        whole, group = match.group(), match.lastindex or 0
        value = match.group(group)
        if not is_meant(value):
            return whole
        start = match.start(group) - match.start()
        return whole[:start] + mark(kind, value) + whole[start + len(value) :]

    return replace


def is_random(text: str) -> bool:
    """Whether a text looks made by chance: letters and digits that change more often than in words."""
    kinds = [_letter_kind(letter) for letter in text if letter.isalnum()]
    if "digit" not in kinds or len(set(kinds)) < 2:
        return False
    changes = sum(first != second for first, second in itertools.pairwise(kinds))
    return changes >= LEAST_CHANGES * len(kinds)


def _letter_kind(letter: str) -> str:
    if letter.isdigit():
        return "digit"
    return "capital" if letter.isupper() else "small"


def hide_credentials(text: str) -> str:
    """Return the text with keys, tokens, passwords and what else opens a door replaced by their kind and length."""
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(hide("key"), text)
    if "://" in text:
        text = _WEBHOOK.sub(hide("webhook"), text)
        text = _USER_IN_URL.sub(hide("password", _is_password_in_url), text)
    if "curl" in text:
        text = _CURL_USER.sub(hide("password", _is_password_in_url), text)
    text = _LONG.sub(_hide_keys, text)
    text = _HEADER.sub(_hide_header, text)
    lower = text.lower()
    if any(sign in lower for sign in _PASSWORD_SIGNS):
        text = _PASSWORD.sub(hide("password", _is_password), text)
    if any(sign in lower for sign in _SECRET_SIGNS):
        text = _SECRET.sub(_hide_secret, text)
    return text


def _hide_keys(match: re.Match[str]) -> str:
    """Hide the keys within one long run of characters, such as a URL with a key in its query."""
    return _KEY.sub(_hide_key, match.group())


def _hide_key(match: re.Match[str]) -> str:
    value = match.group()
    is_key = (
        _is_key(value)
        if match["general"]
        else match["shape"] or not _WORDS.fullmatch(_PREFIX.sub("", value))
    )
    return mark("key", value) if is_key else value


def _is_key(text: str) -> bool:
    """Whether what begins with a general prefix is a key: a name such as `sk_customer_id` has no random part."""
    body = _PREFIX.sub("", text)
    has_digit = any(map(str.isdigit, body))
    is_one_piece = body.isalnum() and (has_digit or len(body) >= 30) and not _WORDS.fullmatch(body)
    return is_one_piece or is_random(body) or _is_mixed(body)


def _is_mixed(text: str) -> bool:
    """Whether letters alone look random: some issuers' keys may have no digit."""
    capitals = sum(letter.isupper() for letter in text)
    letters = sum(letter.isalpha() for letter in text)
    return (
        letters >= 16
        and 0.25 * letters <= capitals <= 0.75 * letters
        and not re.search(r"[a-z]{7}|[A-Z]{7}", text)
    )


def _hide_header(match: re.Match[str]) -> str:
    scheme, value = match.groups()
    is_secret = _is_basic(value) if scheme.lower() == "basic" else _is_token(value)
    return f"{match.group()[: -len(value)]}{mark('key', value)}" if is_secret else match.group()


def _is_token(value: str) -> bool:
    """Whether what follows the name of an authentication scheme is a token, and no word of a sentence about it."""
    is_long = len(value) >= 20 and not _WORDS.fullmatch(value) and not value.islower()
    return is_long or is_random(value) or _is_mixed(value)


def _is_basic(value: str) -> bool:
    """Whether a value is a name and a password, as HTTP's basic authentication has them."""
    try:
        return b":" in base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


def _is_password_in_url(value: str) -> bool:
    return not _SAMPLE.match(value)


def _is_password(value: str) -> bool:
    """Whether what stands after the word password is one, rather than a word, a sample or a piece of a program."""
    if _SAMPLE.match(value) or _PROGRAM.search(value):
        return False
    has_digit = any(letter.isdigit() for letter in value)
    has_letter = any(letter.isalpha() for letter in value)
    has_sign = any(not letter.isalnum() and letter not in " _.-" for letter in value)
    has_capital_inside = re.search(r"[a-z][A-Z]+[a-z]", value) is not None and value.isalpha()
    is_mixed = has_letter and (has_digit or has_sign or has_capital_inside)
    return len(value) >= 6 and (is_mixed or value.isdigit())


def _hide_secret(match: re.Match[str]) -> str:
    name, value = match.group()[: -len(match.group(1))], match.group(1)
    before = match.string[max(0, match.start() - 20) : match.start()] + name.rstrip(" =:\"'`")
    is_called = match.string[match.end() : match.end() + 1] in ("(", "[")
    if is_called or _PAGE_TOKEN.search(before) or _SAMPLE.match(value) or _PROGRAM.search(value):
        return match.group()
    looks_random = is_random(value) or ("." not in value and _is_mixed(value))
    return f"{name}{mark('key', value)}" if looks_random else match.group()
