"""Proxies in the way of the Requests library, as patterns that httpx understands."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from neptune_frames.sources.remote.proxies import proxy_mounts

P = "http://proxy:3128"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"https": "proxy:3128"}, {"https://": P}),
        ({"http://": P, "all": P}, {"http://": P, "all://": P}),
        ({"http": None, "https": " "}, {"http://": None, "https://": None}),
        ({"http": "socks5h://user:pw@h:1"}, {"http://": "socks5h://user:pw@h:1"}),
        (
            {"http": P, "no_proxy": "localhost,10.0.0.1:80"},
            {"http://": P, "all://localhost": None, "all://10.0.0.1:80": None},
        ),
        ({"no": "::1, .a.org,b.org:8080"}, {"all://[::1]": None, "all://*.a.org": None, "all://*b.org:8080": None}),
        ({"http": P, "no_proxy": "*"}, {"http://": None, "https://": None, "all://": None}),
    ],
)
def test_mounts(given: Any, expected: dict[str, str | None]) -> None:
    mounts = proxy_mounts(given)
    assert mounts == expected
    httpx.Client(mounts=dict.fromkeys(mounts)).close()  # each is a pattern that httpx takes


@pytest.mark.parametrize(
    "wrong", ["http://user:secret@h", 5, ["http"], {"http": 5}, {5: "secret"}, {"http": b"secret"}]
)
def test_other_types_are_refused_and_not_shown(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"proxies must") as caught:
        proxy_mounts(wrong)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"http": "ftp://user:secret@h"}, {"no_proxy": "10.0.0.0/8"}])
def test_what_is_not_understood_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"known are http|ranges are not") as caught:
        proxy_mounts(wrong)
    assert "secret" not in str(caught.value)
