"""Which addresses lead to this machine only. Needs none of the server's dependencies."""

from __future__ import annotations

import ipaddress
import re

#: What a ``Host`` header names: an IPv6 address in brackets, or another address or a name; and a port.
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[^\[\]:]*))(?::[0-9]*)?")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, True, False, True)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_sent_to_loopback(host_header: str) -> bool:
    """Whether the ``Host`` header of a request names this machine as only this machine does.

    >>> is_sent_to_loopback("localhost:8600"), is_sent_to_loopback("[::1]:8600"), is_sent_to_loopback("evil.example")
    (True, True, False)
    """
    named = _HOST.fullmatch(host_header)
    return named is not None and is_loopback(named["ipv6"] or named["name"] or "")
