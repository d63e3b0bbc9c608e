"""Attribute definitions <-> DefinitionsPage."""
from __future__ import annotations
from neptune_frames.wire.pages import DefinitionsPage
Body = bytes | bytearray | memoryview
def decode_definitions(body: Body) -> DefinitionsPage: raise NotImplementedError
def encode_definitions(page: DefinitionsPage) -> bytes: raise NotImplementedError
