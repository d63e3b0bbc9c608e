"""Entries with attributes <-> AttributesPage."""
from __future__ import annotations
from neptune_frames.wire.pages import AttributesPage
Body = bytes | bytearray | memoryview
def decode_search(body: Body) -> AttributesPage: raise NotImplementedError
def encode_search(page: AttributesPage) -> bytes: raise NotImplementedError
def decode_values(body: Body) -> AttributesPage: raise NotImplementedError
def encode_values(page: AttributesPage) -> bytes: raise NotImplementedError
def decode_run_attributes(body: Body) -> AttributesPage: raise NotImplementedError
def encode_run_attributes(page: AttributesPage) -> bytes: raise NotImplementedError
