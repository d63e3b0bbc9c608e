"""The three wire formats and how they are negotiated."""

from __future__ import annotations

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ARROW_STREAM = "application/vnd.apache.arrow.stream"

#: What our client offers, best first.
ACCEPT_ANY_FORMAT = f"{ARROW_STREAM}, {PROTOBUF};q=0.9, {JSON};q=0.5"

#: What the official clients send; a server that refuses ours is asked again with this.
ACCEPT_LEGACY = "*/*"
