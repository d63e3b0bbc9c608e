"""Proxies as callers give them, in the way of the Requests library, brought into the form that httpx takes."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

#: Keys under which the Requests library looks for hosts that are reached directly.
_EXCEPTIONS = ("no_proxy", "no")
_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_mounts(proxies: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """Patterns of addresses, each with the URL of its proxy, or None where there is to be none.

    >>> proxy_mounts({"http": "127.0.0.1:3128", "no_proxy": "localhost, .example.org"})
    {'http://': 'http://127.0.0.1:3128', 'all://localhost': None, 'all://*.example.org': None}

    Raises:
        TypeError: It is not a mapping of strings.
        ValueError: A proxy of a kind that is not known, or an exception that is not. URLs are not shown: they may hold
            a password.
    """
    if proxies is None:
        return {}
    check_mapping(proxies)
    mounts: dict[str, str | None] = {}
    for key, url in proxies.items():
        if not isinstance(key, str) or not isinstance(url, (str, type(None))):
            raise TypeError(
                "proxies must have strings as keys and values, such as {'https': 'http://proxy:3128'}; "
                f"that of {key!r} is {type(url).__name__}."
            )
        if key not in _EXCEPTIONS:
            mounts[key if "://" in key else f"{key}://"] = _with_scheme(key, url)
    excepted = ",".join(proxies.get(key) or "" for key in _EXCEPTIONS)
    for host in filter(None, map(str.strip, excepted.split(","))):
        if host == "*":
            # The more exact patterns too: those of the environment would come before ``all://``.
            return dict.fromkeys([*mounts, "http://", "https://", "all://"])
        mounts[_host_pattern(host)] = None
    return mounts


def check_mapping(proxies: Any) -> None:
    """Raises TypeError for what is no mapping, without showing it."""
    if not isinstance(proxies, Mapping):
        raise TypeError(
            f"proxies must be a dictionary such as {{'https': 'http://proxy:3128'}}, got {type(proxies).__name__}."
        )


def _with_scheme(key: str, url: str | None) -> str | None:
    if not url or not url.strip():
        return None
    url = url.strip()
    scheme, mark, _ = url.partition("://")
    if not mark:
        return f"http://{url}"
    if scheme.lower() not in _SCHEMES:
        raise ValueError(
            f"The proxy for {key!r} has an address that starts with {scheme}://; known are {', '.join(_SCHEMES)}."
        )
    return url


def _host_pattern(host: str) -> str:
    """A host (or ``host:port``) and, of a name, everything that ends like it, as in ``NO_PROXY``."""
    if "/" in host:
        raise ValueError(f"proxies: no_proxy has {host!r}; names and single addresses are understood, ranges are not.")
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        return f"all://{host}" if name == "localhost" else f"all://*{host}"
    return f"all://[{address}]" if address.version == 6 else f"all://{host}"
