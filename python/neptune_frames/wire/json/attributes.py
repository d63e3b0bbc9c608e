"""Entries with attribute values in JSON (endpoints S, GS, V and A): the AttributeDTO and its envelopes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.attributes import CLIENT_NAMES, WIRE_NAMES
from neptune_frames.schemas import FILE, HISTOGRAM, TIMESTAMP, values_schema
from neptune_frames.wire.json.decoding import decode_object
from neptune_frames.wire.json.definitions import NEXT_PAGE, next_page, next_page_token
from neptune_frames.wire.json.encoding import (
    JSON_TEXT,
    concatenated,
    constant,
    encode_object,
    joined_lists,
    json_text,
    single_list,
)
from neptune_frames.wire.json.series import FILE_JSON, HISTOGRAM_JSON
from neptune_frames.wire.pages import ENTRIES, AttributesPage
from neptune_frames.wire.renaming import renamed

_STATISTICS = {"last_step": "lastStep", "min": "min", "max": "max", "average": "average", "variance": "variance"}

#: Client type -> column of its VALUES batch -> (key in the property object, type there). Files are
#: their property object themselves and have no key for it.
_MEMBERS: dict[str, dict[str, tuple[str, pa.DataType]]] = {
    "int": {"value": ("value", pa.int64())},
    "float": {"value": ("value", pa.float64())},
    "string": {"value": ("value", pa.string())},
    "bool": {"value": ("value", pa.bool_())},
    "datetime": {"value": ("value", TIMESTAMP)},
    "string_set": {"value": ("values", pa.large_list(pa.string()))},
    "float_series": {
        "value": ("last", pa.float64()),
        **{column: (key, pa.float64()) for column, key in _STATISTICS.items()},
    },
    "string_series": {"value": ("last", pa.string()), "last_step": ("lastStep", pa.float64())},
    "file_series": {"value": ("last", FILE_JSON), "last_step": ("lastStep", pa.float64())},
    "histogram_series": {"value": ("last", HISTOGRAM_JSON), "last_step": ("lastStep", pa.float64())},
    "experiment_state": {"value": ("value", pa.string())},
}

#: Required members that no batch has a column for, by client type.
_FIXED_MEMBERS = {"float_series": {"config": b"{}", "hasPreview": b"false"}}


def _properties_type(client_type: str) -> pa.StructType:
    if client_type == "file":
        return FILE_JSON
    # Members that no column is made of are read if they are booleans: see `decoding`.
    flags = [(key, pa.bool_()) for key, text in _FIXED_MEMBERS.get(client_type, {}).items() if text == b"false"]
    return pa.struct([*_MEMBERS[client_type].values(), *flags])


def _properties_key(client_type: str) -> str:
    return f"{WIRE_NAMES[client_type]}Properties"


_ATTRIBUTE = pa.struct(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        *(pa.field(_properties_key(client_type), _properties_type(client_type)) for client_type in WIRE_NAMES),
    ]
)

#: Column of ENTRIES -> key of an entry.
_ENTRY_KEYS = {
    "experiment_id": "experimentId",
    "sys_id": "experimentShortId",
    "project_id": "projectId",
    "organization_id": "organizationId",
    "project_name": "projectName",
    "organization_name": "organizationName",
}

_ENTRY = pa.struct(
    [
        *(pa.field(key, pa.string()) for key in _ENTRY_KEYS.values()),
        pa.field("attributes", pa.large_list(pa.field("item", _ATTRIBUTE, nullable=False))),
    ]
)
_ENTRIES = pa.field("entries", pa.large_list(pa.field("item", _ENTRY, nullable=False)))
_SEARCH_ANSWER = pa.struct([_ENTRIES, pa.field("matchingItemCount", pa.int64())])
_VALUES_ANSWER = pa.struct([_ENTRIES, pa.field("nextPage", NEXT_PAGE)])


def decode_search(body: bytes, *, identity: bool = True, statistics: bool = True) -> AttributesPage:
    """Decode a search answer, with all columns: all of the text has to be read anyway."""
    answer = decode_object(body, _SEARCH_ANSWER)
    entries, values, unknown = _decoded_entries(answer.field("entries").flatten())
    return AttributesPage(
        entries, values, total=answer.field("matchingItemCount")[0].as_py() or 0, unknown_types=unknown
    )


def encode_search(page: AttributesPage) -> bytes:
    total = page.entries.num_rows if page.total is None else page.total
    entries = _encoded_entries(page, {"type": constant(pa.scalar("run"), page.entries.num_rows)})
    return encode_object({"entries": single_list(entries), "matchingItemCount": pa.array([total], pa.int64())})


def decode_values(body: bytes) -> AttributesPage:
    answer = decode_object(body, _VALUES_ANSWER)
    entries, values, unknown = _decoded_entries(answer.field("entries").flatten())
    return AttributesPage(entries, values, next_page_token=next_page_token(answer), unknown_types=unknown)


def encode_values(page: AttributesPage) -> bytes:
    return encode_object(
        {"entries": single_list(_encoded_entries(page, {})), "nextPage": next_page(page.next_page_token)}
    )


def decode_run_attributes(body: bytes) -> AttributesPage:
    entries, values, unknown = _decoded_entries(decode_object(body, _ENTRY))
    return AttributesPage(entries, values, unknown_types=unknown)


def encode_run_attributes(page: AttributesPage) -> bytes:
    entry = _encoded_entries(page, {"type": constant(pa.scalar("run"), page.entries.num_rows)})
    return encode_object({field.name: entry.field(i) for i, field in enumerate(entry.type)})


def _decoded_entries(entries: pa.StructArray) -> tuple[pa.RecordBatch, dict[str, pa.RecordBatch], frozenset[str]]:
    who = pa.RecordBatch.from_arrays([entries.field(key) for key in _ENTRY_KEYS.values()], schema=ENTRIES)
    lists = entries.field("attributes")
    attributes, runs = lists.flatten(), pc.list_parent_indices(lists).cast(pa.int32())
    values = {}
    unknown = set()
    for wire_type in pc.unique(attributes.field("type")).to_pylist():
        client_type = CLIENT_NAMES.get(wire_type)
        if client_type is None:
            unknown.add(wire_type)
            continue
        rows = pc.indices_nonzero(pc.equal(attributes.field("type"), wire_type))
        names = attributes.field("name").take(rows).dictionary_encode()
        properties = attributes.field(_properties_key(client_type)).take(rows)
        columns = [runs.take(rows), names, *_value_columns(client_type, properties)]
        values[client_type] = pa.RecordBatch.from_arrays(columns, schema=values_schema(client_type))
    return who, values, frozenset(unknown)


def _value_columns(client_type: str, properties: pa.StructArray) -> Iterator[pa.Array]:
    """The columns of a VALUES batch after ``run`` and ``attribute``."""
    for field in list(values_schema(client_type))[2:]:
        if client_type == "file":
            member = properties
        else:
            member = pc.struct_field(properties, [_MEMBERS[client_type][field.name][0]])
        yield renamed(member, field.type) if field.type in (FILE, HISTOGRAM) else member.cast(field.type)


def _encoded_entries(page: AttributesPage, further: dict[str, pa.Array]) -> pa.StructArray:
    members = {key: page.entries.column(column) for column, key in _ENTRY_KEYS.items()}
    members.update(further)
    members["attributes"] = _attribute_lists(page)
    return pa.StructArray.from_arrays(list(members.values()), names=list(members))


def _attribute_lists(page: AttributesPage) -> pa.Array:
    """For each entry the text of its list of attributes."""
    runs = np.concatenate([np.zeros(0, np.int32), *(batch.column("run").to_numpy() for batch in page.values.values())])
    texts = [pa.array([], pa.large_string())]
    texts += [_attribute_texts(client_type, batch) for client_type, batch in page.values.items()]
    by_run = np.argsort(runs, kind="stable")
    counts = np.bincount(runs, minlength=page.entries.num_rows)
    ordered = pa.concat_arrays(texts).take(pa.array(by_run))
    joined = joined_lists(pa.array(counts), ordered)
    return concatenated("[", joined, "]").cast(JSON_TEXT)


def _attribute_texts(client_type: str, batch: pa.RecordBatch) -> pa.Array:
    """The text of each value of a VALUES batch as an attribute object."""
    rows = batch.num_rows
    names, wire_type = batch.column("attribute"), constant(pa.scalar(WIRE_NAMES[client_type]), rows)
    properties = {"attributeName": names, "attributeType": wire_type}
    if client_type == "file":
        files = renamed(batch.column("value"), FILE_JSON)
        properties.update((field.name, pc.struct_field(files, [field.name])) for field in FILE_JSON)
    else:
        for column, (key, kind) in _MEMBERS[client_type].items():
            values = batch.column(column)
            properties[key] = renamed(values, kind) if pa.types.is_struct(kind) else values
    for key, text in _FIXED_MEMBERS.get(client_type, {}).items():
        properties[key] = constant(pa.scalar(text, JSON_TEXT), rows)
    members = {"name": names, "type": wire_type, _properties_key(client_type): _struct(properties)}
    return json_text(_struct(members))


def _struct(members: dict[str, pa.Array]) -> pa.StructArray:
    return pa.StructArray.from_arrays(list(members.values()), names=list(members))
