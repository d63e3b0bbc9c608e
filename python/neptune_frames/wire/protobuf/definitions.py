"""Attribute definitions (`ProtoAttributesSearchResultDTO`) <-> `DefinitionsPage`."""

from __future__ import annotations

import pyarrow as pa

from neptune_frames.query.attributes import CLIENT_NAMES, WIRE_NAMES
from neptune_frames.schemas import ATTRIBUTES
from neptune_frames.wire.buffer import Body
from neptune_frames.wire.pages import DefinitionsPage
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.pages import body_of
from neptune_frames.wire.protobuf.records import Records


def decode_definitions(body: Body) -> DefinitionsPage:
    """Decode the definitions of one run, in the order they came in."""
    _, entries = Records.of_body(body, messages.ATTRIBUTES_SEARCH_RESULT).items("entries")
    names, types = entries.array("name"), entries.array("type")
    wire_types = types.dictionary.to_pylist()
    client_types = pa.array([CLIENT_NAMES.get(wire_type) for wire_type in wire_types], pa.string())
    definitions = pa.Table.from_arrays([names, client_types.take(types.indices)], names=ATTRIBUTES.names)
    known = definitions.filter(definitions["type"].is_valid()).combine_chunks()
    columns = [column.chunk(0) if column.num_chunks else pa.array([], pa.string()) for column in known.itercolumns()]
    return DefinitionsPage(
        pa.RecordBatch.from_arrays(columns, schema=ATTRIBUTES),
        unknown_types=frozenset(set(wire_types) - CLIENT_NAMES.keys()),
    )


def encode_definitions(page: DefinitionsPage) -> bytes:
    """Encode definitions; the message has no place for a page token, so there must be none."""
    if page.next_page_token is not None:
        raise ValueError("definitions in protobuf come in one answer: there is no place for a page token")
    types = page.definitions.column("type").dictionary_encode()
    wire_types = pa.array([WIRE_NAMES[name] for name in types.dictionary.to_pylist()], pa.string())
    entries = Draft(messages.ATTRIBUTE_DEFINITION, page.definitions.num_rows)
    entries.set("name", page.definitions.column("attribute"))
    entries.set("type", pa.DictionaryArray.from_arrays(types.indices, wire_types))
    return body_of(messages.ATTRIBUTES_SEARCH_RESULT, "entries", entries)
