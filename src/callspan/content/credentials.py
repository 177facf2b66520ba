"""Hide keys, tokens and passwords.

They are recognised by the form that their issuer gives them, or by the name before them.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Callable

from callspan.content.key_formats import GENERAL_PREFIXES, PREFIXES, SHAPES

LEAST_CHANGES = 0.2
"""The least changes between capitals, small letters and digits, for each character of random text.

Keys have 0.45 and more, names of variables less.
"""

# bounds such as `{0,100}` in these patterns keep the search linear in long texts
_LONG = re.compile(r"[A-Za-z0-9_.~+/%|:=-]{14,}")
"""Runs that are long enough to hold a key; most words are not, and are passed over at once."""
# to the end of the text where the last line is missing: most of a key that was cut is still a key.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN[ A-Z0-9]{1,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END[ A-Z0-9]{1,40}KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_WEBHOOK = re.compile(
    r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}"
    r"|discord(?:app)?\.com/api/webhooks/\d{10,}/[A-Za-z0-9_-]{20,}"
    r"|[a-z0-9]+\.webhook\.office\.com/webhookb2/[^\s\"'<>]{40,})"
)
# the group is the password alone: user and host say which service a text is about
_USER_IN_URL = re.compile(r"(?<=://)[^\s:/@\"'<>{}$]{0,100}:([^\s/@\"'<>{}$]{3,200})@(?=[\w.\[-])")
# `SSWS` is Okta's scheme
_HEADER = re.compile(r"(?i)(?<![\w-])(bearer|basic|ssws|apikey|token) +([A-Za-z0-9._~+/-]{12,}=*)")
_CURL_USER = re.compile(r"(?<=\s)(?:-u|--user)[ =][\"']?[^\s:\"']{1,100}:([^\s\"']{3,100})")

# what stands between a name and its value in JSON, YAML, programs and sentences, the full-width
# colon among them
_ASSIGNS = r"[\"'\]`]{0,2}\s{0,3}(?:=>|:=|[:=\uff1a]|\bis\b|是|为)\s{0,3}"
_PASSWORD_SIGNS = ("pass", "pwd", "contrase", "mot de", "senha", "密码", "口令")
_PASSWORD = re.compile(
    r"(?i)(?:passw(?:or)?d|passphrase|passwd|passcode|pwd|contraseña|passwort|mot de passe|senha"
    r"|密码|口令)"
    rf"{_ASSIGNS}(?:\"([^\"\n]{{4,100}})\"|'([^'\n]{{4,100}})'|([^\s\"'`,;&|<>()]{{4,100}}))"
)
_SECRET_SIGNS = ("key", "secret", "token", "credential", "密钥", "令牌")
_SECRET = re.compile(
    r"(?i)(?:(?:api|access|account|auth|private|secret|encryption|signing|master|subscription"
    r"|shared|license|storage)"
    r"[ _.-]?(?:access[ _.-]?)?keys?|secrets?|tokens?|credentials?|密钥|令牌)"
    r"(?:[ _.-](?:id|value|base64|\d))?"
    rf"{_ASSIGNS}[\"'`]?([A-Za-z0-9_.~+/%-]{{16,}}={{0,2}})"
)
_PAGE_TOKEN = re.compile(
    r"(?i)(?:page|continuation|next|sync|resume|cancellation|idempotency)[ _-]?(?:token|key)\W*$"
)
"""Names of tokens that open nothing."""
_SAMPLE = re.compile(
    r"(?i)^(?:your|my[-_]|the[-_]|some|example|sample|dummy|placeholder|change|insert|redacted"
    r"|x{4,}|\*)"
)
"""Samples in documents, which stand for a key and are none."""
_CAPITAL_INSIDE = re.compile(r"[a-z][A-Z]+[a-z]")
"""Capitals between small letters, as passwords of letters alone have them and words do not."""
_PROGRAM = re.compile(
    r"[(\[{]|^\$|^(?:os|env|process|self|config|settings|args|data|request|var|secrets)\."
)
"""Code after `password =` in programs that is no password: a call, an index, a variable."""


def _alternatives(rows: tuple[tuple[str, int], ...]) -> str:
    """Return a pattern with one alternative for each prefix.

    The longest stands first, so that `xoxe.xox` is tried before `xoxe-`.
    """
    patterns: list[str] = []
    for prefix, least in sorted(rows, key=lambda row: -len(row[0])):
        patterns.append(f"{re.escape(prefix)}[A-Za-z0-9_.+/=-]{{{least},}}")
    return "|".join(patterns)


_KEY = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?P<shape>{'|'.join(SHAPES)})|(?P<known>{_alternatives(PREFIXES)})"
    rf"|(?P<general>{_alternatives(GENERAL_PREFIXES)}))"
)
_PREFIX = re.compile(r"^[A-Za-z0-9]{1,12}[-_.]")
_WORDS = re.compile(r"[A-Za-z][a-z]+(?:[-_.][A-Za-z]?[a-z]+)+[.]*|[xX*.-]+|(?i:your[-_].*)")
"""Words, and samples such as `xxxxxxxx`, which follow a key's prefix in documents and names."""


def placeholder(kind: str, text: str) -> str:
    """Return the kind and the length of a text that is hidden, to stand in its place."""
    return f"[{kind}, {len(text)} characters]"


def hide(kind: str, is_secret: Callable[[str], bool] = bool) -> Callable[[re.Match[str]], str]:
    """Return a replacement for `re.sub` that hides a match if it is a secret.

    Where the pattern has groups, only the last one is tested and hidden.
    """

    def replace(match: re.Match[str]) -> str:
        whole = match.group()
        group = match.lastindex or 0
        value = match.group(group)
        if not is_secret(value):
            return whole
        start = match.start(group) - match.start()
        end = start + len(value)
        return whole[:start] + placeholder(kind, value) + whole[end:]

    return replace


def is_random(text: str) -> bool:
    """Whether a text looks random: letters and digits change more often than in words."""
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
    """Return the text with keys, tokens and passwords replaced by their kind and length.

    The quick tests before the patterns are for speed: most texts have none of these words.
    """
    # whole keys and addresses first, before other patterns hide a piece of them
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
    if _is_key(match):
        return placeholder("key", value)
    return value


def _is_key(match: re.Match[str]) -> bool:
    """Whether a match is a key, rather than a name with the prefix of one."""
    # a shape is like no other text; behind a prefix there may be words of a document
    if match["shape"]:
        return True
    body = _PREFIX.sub("", match.group())
    if match["general"]:
        return _is_body_of_key(body)
    return not _WORDS.fullmatch(body)


def _is_body_of_key(body: str) -> bool:
    """Whether the text behind a general prefix is that of a key.

    A name such as `sk_customer_id` has no random part.
    """
    if is_random(body) or _is_mixed(body):
        return True
    if not body.isalnum() or _WORDS.fullmatch(body):
        return False
    has_digit = any(map(str.isdigit, body))
    return has_digit or len(body) >= 30


def _is_mixed(text: str) -> bool:
    """Whether letters alone look random: some issuers' keys may have no digit."""
    letters = sum(letter.isalpha() for letter in text)
    if letters < 16:
        return False
    capitals = sum(letter.isupper() for letter in text)
    if not 0.25 * letters <= capitals <= 0.75 * letters:
        return False
    return not re.search(r"[a-z]{7}|[A-Z]{7}", text)


def _hide_header(match: re.Match[str]) -> str:
    """Hide the value of an authentication header, and keep the name of its scheme."""
    scheme, value = match.groups()
    is_secret = _is_basic(value) if scheme.lower() == "basic" else _is_token(value)
    if not is_secret:
        return match.group()
    before = match.group()[: -len(value)]
    return before + placeholder("key", value)


def _is_token(value: str) -> bool:
    """Whether the word after the name of a scheme is a token, and not one of a sentence."""
    if is_random(value) or _is_mixed(value):
        return True
    if len(value) < 20 or value.islower():
        return False
    return not _WORDS.fullmatch(value)


def _is_basic(value: str) -> bool:
    """Whether a value is a name and a password, as HTTP's basic authentication has them."""
    try:
        return b":" in base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


def _is_password_in_url(value: str) -> bool:
    return not _SAMPLE.match(value)


def _is_password(value: str) -> bool:
    """Whether a text after the word password is one.

    It may as well be a word, a sample or a piece of a program.
    """
    if _SAMPLE.match(value) or _PROGRAM.search(value):
        return False
    if len(value) < 6:
        return False
    if value.isdigit():
        return True
    if value.isalpha():
        return _CAPITAL_INSIDE.search(value) is not None
    has_letter = any(map(str.isalpha, value))
    return has_letter and _has_digit_or_sign(value)


def _has_digit_or_sign(value: str) -> bool:
    return any(map(str.isdigit, value)) or any(map(_is_sign, value))


def _is_sign(letter: str) -> bool:
    """Whether a character is a sign that words and names do not have."""
    return not letter.isalnum() and letter not in " _.-"


def _hide_secret(match: re.Match[str]) -> str:
    """Hide the value after a name such as `api_key`, if it is random enough for a secret."""
    value = match.group(1)
    name = match.group()[: -len(value)]
    text, start, end = match.string, match.start(), match.end()
    before = text[max(0, start - 20) : start] + name.rstrip(" =:\"'`")
    is_called = text[end : end + 1] in ("(", "[")
    if is_called or _PAGE_TOKEN.search(before):
        return match.group()
    if _SAMPLE.match(value) or _PROGRAM.search(value):
        return match.group()
    # letters with dots are the path of a module or a host more often than a secret
    may_be_mixed = "." not in value
    if is_random(value) or (may_be_mixed and _is_mixed(value)):
        return name + placeholder("key", value)
    return match.group()
