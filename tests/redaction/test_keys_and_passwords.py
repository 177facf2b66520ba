"""What the common redaction takes for a key or a password, at the edges of what is one."""

from __future__ import annotations

import base64

import pytest

import callspan


def is_hidden(before: str, value: str, kind: str, after: str = "") -> bool:
    """Whether a value between others is hidden as that kind; otherwise all must be as it was."""
    text = f"{before}{value}{after}"
    hidden = callspan.redact_common(text)
    if hidden == text:
        return False
    assert hidden == f"{before}[{kind}, {len(value)} characters]{after}"
    return True


TOKENS = {
    # long, and no word
    "ABCDEFGHIJKLMNOPQRST": True,
    "ABCDEFGHIJKLMNOPQRS": False,
    "abcdefghijklmnopqrst": False,
    "Transformers-and-friends": False,
    # letters and digits by chance
    "a1b2c3d4e5f6": True,
    "abcdefghij12": False,
    "111122223333": False,
    # letters by chance: enough of them, enough capitals and small ones, and no word among them
    "aBcDeFgHiJkLmNoP": True,
    "aBcDeFgHiJkLmNo": False,
    "AbcdEfghIjklMnop": True,
    "AbcdefGhijklMnop": False,
    "ABCdEFGhIJKlMNOp": True,
    "ABCDeFGHIJkLMNOp": False,
    "AbCdefghijKlMnOp": False,
    "AbCdefghiJKlMnOp": True,
    "aBcDEFGHIJkLmNoP": False,
    "aBcDEFGHijkLmNoP": True,
}


@pytest.mark.parametrize(("token", "hidden"), TOKENS.items())
def test_tokens_behind_the_name_of_a_scheme(token: str, hidden: bool) -> None:
    """A sentence about the scheme stays."""
    assert is_hidden("Authorization: Bearer ", token, "key", ", it says") is hidden


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (base64.b64encode(b"rosa:hunter2").decode(), True),
        (base64.b64encode(b"rosa hunter2").decode(), False),
        ("understanding", False),
    ],
)
def test_names_and_passwords_of_basic_authentication(value: str, hidden: bool) -> None:
    """They are a name and a password when decoded, or it is a sentence."""
    assert is_hidden("Basic ", value, "key") is hidden


PASSWORDS = {
    "abc12!": True,
    "abc12": False,
    "123456": True,
    "12345": False,
    "!?!?!?": False,
    "hunter": False,
    "hunter2": True,
    "hunter!": True,
    "huntErs": True,
    "Hunters": False,
    "hunt-ers": False,
    "hunt-ers7": True,
    "your-password1": False,
    "<example1>": False,
    "xxxx1234": False,
    "xxx1234": True,
    "os.environ1": False,
    "$PASSWORD1": False,
}


@pytest.mark.parametrize(("password", "hidden"), PASSWORDS.items())
def test_passwords_behind_the_word(password: str, hidden: bool) -> None:
    """A word, a sample or a piece of a program is none."""
    assert is_hidden("password: ", password, "password") is hidden


SECRETS = {
    ("api_key=", "a1B2c3D4e5F6g7H8", ""): True,
    ("api_key=", "a1B2c3D4e5F6g7H", ""): False,
    ("secret: ", "aBcDeFgHiJkLmNoP", ""): True,
    ("secret: ", "aBcDeFgH.iJkLmNoP", ""): False,
    ("token = ", "abcdefghijklmnop", ""): False,
    ("token = ", "a1B2c3D4e5F6g7H8", "(request)"): False,
    ("token = ", "a1B2c3D4e5F6g7H8", "[0]"): False,
    ("token: ", "a1B2c3D4e5F6g7H8", "(request)"): False,
    ("token = ", "a1B2c3D4e5F6g7H8", " (of today)"): True,
    ("token = ", "config.a1B2c3D4e5F6", ""): False,
    ("token = ", "example-a1B2c3D4e5F6", ""): False,
    ("next_page_token: ", "a1B2c3D4e5F6g7H8", ""): False,
    ("idempotency token: ", "a1B2c3D4e5F6g7H8", ""): False,
    ("next page, and a token: ", "a1B2c3D4e5F6g7H8", ""): True,
}


@pytest.mark.parametrize(("text", "hidden"), SECRETS.items())
def test_secrets_behind_a_name(text: tuple[str, str, str], hidden: bool) -> None:
    """What looks made by chance; names of columns, samples, programs and tokens of pages are none."""
    before, value, after = text
    assert is_hidden(before, value, "key", after) is hidden


KEYS = {
    # of a prefix that nothing else has
    "gsk_a1b2c3d4e5f6g7h8i9j0": True,
    "gsk_a1b2c3d4e5f6g7h8i9j": False,
    "sk-ant-your-key-goes-here": False,
    "sk-ant-xxxxxxxxxxxxxxxx": False,
    # of a prefix that names of other things have
    "sk-abcdefghijklmno1": True,
    "sk-abcdefghijklmn1": False,
    "sk-abcdefghijklmnop": False,
    "sk-ABCDEFGHIJKLMNOP": False,
    "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZABCD": True,
    "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZABCDE": True,
    "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZABC": False,
    "sk-customer-order-items-list": False,
    "sk-a1b2-c3d4-e5f6-g7h8": True,
    "sk-aBcDeF-gHiJkL-mNoPqR": True,
}


@pytest.mark.parametrize(("key", "hidden"), KEYS.items())
def test_keys_by_their_prefix(key: str, hidden: bool) -> None:
    """Wherever they stand."""
    assert is_hidden("with ", key, "key", " in it") is hidden


@pytest.mark.parametrize(
    ("before", "password", "after", "hidden"),
    [
        ("postgres://shop:", "hunter2", "@db.internal/orders", True),
        ("postgres://shop:", "password", "@db.internal/orders", True),
        ("postgres://shop:", "your-password", "@localhost/orders", False),
        ("curl -u rosa:", "hunter2", " https://flowers.example", True),
        ("curl -u rosa:", "example", " https://flowers.example", False),
        ("wget -u rosa:", "hunter2", " ftp", False),
    ],
)
def test_passwords_in_addresses(before: str, password: str, after: str, hidden: bool) -> None:
    """And in what is written on a command line."""
    assert is_hidden(before, password, "password", after) is hidden
