"""Attribute definitions in JSON (endpoints D and DR)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.attributes import CLIENT_NAMES, WIRE_NAMES
from neptune_frames.schemas import ATTRIBUTES
from neptune_frames.wire.json.encoding import encode_object, single_list
from neptune_frames.wire.json.text_objects import decode_text_list
from neptune_frames.wire.pages import DefinitionsPage

_DEFINITION = pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("type", pa.string(), nullable=False)])

#: The token of the next page; absent, null and empty mean the last page.
NEXT_PAGE = pa.struct([pa.field("nextPageToken", pa.string())])

_ANSWER = pa.struct(
    [
        pa.field("entries", pa.large_list(pa.field("item", _DEFINITION, nullable=False))),
        pa.field("nextPage", NEXT_PAGE),
    ]
)


def decode_definitions(body: bytes) -> DefinitionsPage:
    answer, entries = decode_text_list(body, _ANSWER, "entries")
    names, wire_types = entries.field("name"), entries.field("type")
    types = mapped(wire_types, CLIENT_NAMES)
    known = types.is_valid()
    definitions = pa.RecordBatch.from_arrays([names.filter(known), types.filter(known)], schema=ATTRIBUTES)
    unknown = pc.unique(wire_types.filter(types.is_null())).to_pylist()
    return DefinitionsPage(definitions, next_page_token(answer), frozenset(unknown))


def encode_definitions(page: DefinitionsPage) -> bytes:
    types = mapped(page.definitions.column("type"), WIRE_NAMES)
    entries = pa.StructArray.from_arrays([page.definitions.column("attribute"), types], names=["name", "type"])
    return encode_object({"entries": single_list(entries), "nextPage": next_page(page.next_page_token)})


def mapped(names: pa.Array, mapping: dict[str, str]) -> pa.Array:
    """Each name by its counterpart; null for a name that has none."""
    keys, values = pa.array(list(mapping), pa.string()), pa.array(list(mapping.values()), pa.string())
    return pc.take(values, pc.index_in(names, value_set=keys))


def next_page(token: str | None) -> pa.Array:
    """The ``nextPage`` member of an answer, which official clients want even on the last page."""
    return pa.array([{"nextPageToken": token}], NEXT_PAGE)


def next_page_token(answer: pa.StructArray) -> str | None:
    token: str | None = pc.struct_field(answer, ["nextPage", "nextPageToken"])[0].as_py()
    return token or None
