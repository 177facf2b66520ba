"""Who may ask the page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from .conftest import served


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """An empty page."""
    with served("--port", "0") as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com", "127.0.0.1.example.com:80", ""]
)
def test_another_name_for_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:4318", "127.0.0.1", "[::1]:9"])
def test_its_own_names_are_not(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/traces", "/"])
def test_a_page_from_elsewhere_can_neither_read_nor_write(client: httpx.Client, path: str) -> None:
    headers = {"origin": "http://example.com", "sec-fetch-site": "cross-site"}
    method = "POST" if path.startswith("/v1") else "GET"
    assert client.request(method, path, headers=headers, content=b"{}").status_code == 403


def test_nothing_from_elsewhere_and_nothing_inline_may_run(client: httpx.Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_an_address_for_others_needs_its_token() -> None:
    with served("--host", "0.0.0.0", "--port", "0") as address:
        reachable = address.replace("0.0.0.0", "127.0.0.1")
        bare = reachable.partition("?")[0]
        with httpx.Client(timeout=60) as stranger:
            assert stranger.get(bare).status_code == 403
            assert stranger.get(f"{bare}?token=wrong").status_code == 403
            assert stranger.post(f"{bare}v1/traces", content=b"").status_code == 403
        with httpx.Client(timeout=60, follow_redirects=True) as guest:
            assert guest.get(reachable).status_code == 200
            assert guest.get(bare).status_code == 200
        token = reachable.partition("token=")[2]
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.post(f"{bare}v1/traces", content=b"", headers=headers).status_code == 200
