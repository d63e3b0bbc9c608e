"""Entries with attribute values <-> `AttributesPage`: search answers, value answers, attributes of one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
import pyarrow as pa

from neptune_frames.query.attributes import CLIENT_NAMES, WIRE_NAMES
from neptune_frames.schemas import FILE, FLOAT_SERIES_STATISTICS, HISTOGRAM, TIMESTAMP, VALUE_TYPES, values_schema
from neptune_frames.slices import offsets_of
from neptune_frames.wire.buffer import Body, Positions
from neptune_frames.wire.pages import ENTRIES, AttributesPage
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.fields import Message
from neptune_frames.wire.protobuf.named_patterns import NamedField
from neptune_frames.wire.protobuf.records import Records
from neptune_frames.wire.protobuf.structs import expand
from neptune_frames.wire.renaming import renamed

_LAST = {"value": "last", "last_step": "last_step"}

#: Client type -> the field of ``ProtoAttributeDTO`` that holds its value, and that message's field by
#: column of the VALUES batch. A file is its message itself. Types without a field send no value.
_VALUE_FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "int": ("int_properties", {"value": "value"}),
    "float": ("float_properties", {"value": "value"}),
    "string": ("string_properties", {"value": "value"}),
    "bool": ("bool_properties", {"value": "value"}),
    "datetime": ("datetime_properties", {"value": "value"}),
    "string_set": ("string_set_properties", {"value": "value"}),
    "float_series": ("float_series_properties", {**_LAST, **{name: name for name in FLOAT_SERIES_STATISTICS}}),
    "file": ("file_ref_properties", {}),
    "string_series": ("string_series_properties", _LAST),
    "file_series": ("file_ref_series_properties", _LAST),
    "histogram_series": ("histogram_series_properties", _LAST),
}

#: Member of FILE -> field of a file message.
_FILE_FIELDS = {"path": "path", "size_bytes": "sizeBytes", "mime_type": "mimeType"}

_ENTRY_FIELDS = {
    messages.ATTRIBUTES: {
        "experiment_id": "experiment_id",
        "project_id": "project_id",
        "organization_id": "organization_id",
        "project_name": "project_name",
        "organization_name": "organization_name",
    },
    messages.QUERY_ATTRIBUTES_ENTRY: {"experiment_id": "experimentId", "sys_id": "experimentShortId"},
}


#: Wire type -> number of the field of ``ProtoAttributeDTO`` that holds its value.
_VALUE_NUMBERS = {
    WIRE_NAMES[client_type]: field.number
    for client_type, (name, _) in _VALUE_FIELDS.items()
    for field in messages.ATTRIBUTE.fields
    if field.name == name
}

#: By kind of entry, the field that holds its attributes.
_NAMED_VALUES = {
    entry: NamedField(field.tag, _VALUE_NUMBERS)
    for entry in _ENTRY_FIELDS
    for field in entry.fields
    if field.message is messages.ATTRIBUTE
}


def decode_search(body: Body, *, identity: bool = True, statistics: bool = True) -> AttributesPage:
    """Decode ``ProtoLeaderboardEntriesSearchResultDTO``; ``sys_id`` of the entries is null (it is an attribute).

    Without ``identity`` the other columns of the entries are null too, which saves reading them; without
    ``statistics`` float series have none.
    """
    read = _read(messages.SEARCH_RESULT, "entries.", "matching_item_count", identity=identity, statistics=statistics)
    answer = Records.of_body(body, read)
    _, entries = answer.items("entries", named=_NAMED_VALUES[messages.ATTRIBUTES])
    total = int(answer.numbers("matching_item_count")[0])
    return _decode_entries(entries, messages.ATTRIBUTES, total=total, statistics=statistics)


def encode_search(page: AttributesPage) -> bytes:
    """Encode a search answer; without a ``total`` the number of entries is sent."""
    draft = Draft(messages.SEARCH_RESULT, 1)
    draft.set("matching_item_count", np.array([page.entries.num_rows if page.total is None else page.total]))
    draft.set_items("entries", np.array([0, page.entries.num_rows]), _draft_entries(page, messages.ATTRIBUTES))
    return draft.to_bytes()


def decode_values(body: Body) -> AttributesPage:
    """Decode ``ProtoQueryAttributesResultDTO``."""
    answer = Records.of_body(body, _read(messages.QUERY_ATTRIBUTES_RESULT, "entries.", "nextPage.nextPageToken"))
    _, entries = answer.items("entries", named=_NAMED_VALUES[messages.QUERY_ATTRIBUTES_ENTRY])
    _, next_page = answer.child("nextPage")
    token = next_page.array("nextPageToken")[0].as_py() if next_page.count else None
    return _decode_entries(entries, messages.QUERY_ATTRIBUTES_ENTRY, next_page_token=token or None)


def encode_values(page: AttributesPage) -> bytes:
    """Encode a values answer; its ``nextPage`` is there on the last page too, without a token."""
    draft = Draft(messages.QUERY_ATTRIBUTES_RESULT, 1)
    draft.set_items(
        "entries", np.array([0, page.entries.num_rows]), _draft_entries(page, messages.QUERY_ATTRIBUTES_ENTRY)
    )
    next_page = Draft(messages.NEXT_PAGE, 1)
    next_page.set("nextPageToken", pa.array([page.next_page_token], pa.string()))
    draft.set_child("nextPage", np.array([0]), next_page)
    return draft.to_bytes()


def decode_run_attributes(body: Body) -> AttributesPage:
    """Decode ``ProtoAttributesDTO``, the attributes of one run."""
    return _decode_entries(Records.of_body(body, _read(messages.ATTRIBUTES, "")), messages.ATTRIBUTES)


def encode_run_attributes(page: AttributesPage) -> bytes:
    """Encode a page of exactly one entry."""
    if page.entries.num_rows != 1:
        raise ValueError(
            f"the attributes of one run were to be encoded, but the page has {page.entries.num_rows} entries"
        )
    return _draft_entries(page, messages.ATTRIBUTES).to_bytes()


@cache
def _read(message: Message, prefix: str, *others: str, identity: bool = True, statistics: bool = True) -> Message:
    """The message narrowed to what a page holds of its entries, and other fields."""
    entry = messages.QUERY_ATTRIBUTES_ENTRY if message is messages.QUERY_ATTRIBUTES_RESULT else messages.ATTRIBUTES
    paths = [f"{prefix}{name}" for name in _ENTRY_FIELDS[entry].values()] if identity else []
    paths += [f"{prefix}attributes.{name}" for name in ("name", "type")]
    for client_type, (name, columns) in _VALUE_FIELDS.items():
        read = values_schema(client_type, statistics=statistics).names
        values = [columns[column] for column in columns if column in read] or _FILE_FIELDS.values()
        paths += [f"{prefix}attributes.{name}.{value}" for value in values]
    return message.select(*paths, *others)


def _decode_entries(
    entries: Records,
    entry: Message,
    *,
    total: int | None = None,
    next_page_token: str | None = None,
    statistics: bool = True,
) -> AttributesPage:
    read = {field.name for field in entries.message.fields}
    columns = {
        column: entries.array_or_null(name).cast(pa.string())
        for column, name in _ENTRY_FIELDS[entry].items()
        if name in read
    }
    values, unknown = _decode_values(entries, statistics)
    return AttributesPage(
        pa.RecordBatch.from_arrays(
            [columns.get(name, pa.nulls(entries.count, pa.string())) for name in ENTRIES.names], schema=ENTRIES
        ),
        values,
        total,
        next_page_token,
        unknown,
    )


def _decode_values(entries: Records, statistics: bool) -> tuple[dict[str, pa.RecordBatch], frozenset[str]]:
    """The values of all entries by client type, and the types that have none."""
    batches: dict[str, list[pa.RecordBatch]] = {}
    unknown = set()
    schemas = {client_type: values_schema(client_type, statistics=statistics) for client_type in VALUE_TYPES}
    for client_type in _VALUE_FIELDS:
        named = entries.named_contents(WIRE_NAMES[client_type])
        if named is not None:
            contents, values = named
            names = pa.DictionaryArray.from_arrays(pa.array(contents.codes, pa.int32()), pa.array(contents.names))
            columns = _value_columns(values, client_type, schemas[client_type])
            batches[client_type] = [_batch(schemas[client_type], contents.owners, names, columns)]
    for runs, attributes in entries.item_blocks("attributes"):
        names, types = attributes.array("name"), attributes.array("type")
        codes = types.indices.to_numpy()
        for code, wire_type in enumerate(types.dictionary.to_pylist()):
            if wire_type not in CLIENT_NAMES:
                unknown.add(wire_type)
                continue
            client_type = CLIENT_NAMES[wire_type]
            rows = np.flatnonzero(codes == code)
            columns = _columns_of_rows(attributes, client_type, schemas[client_type], rows)
            batch = _batch(schemas[client_type], runs[rows], names.take(pa.array(rows)), columns)
            batches.setdefault(client_type, []).append(batch)
    return {client_type: _joined_batches(found) for client_type, found in batches.items()}, frozenset(unknown)


def _batch(schema: pa.Schema, runs: Positions, names: pa.DictionaryArray, values: Iterable[pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(runs, pa.int32()), names, *values], schema=schema)


def _joined_batches(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


def _columns_of_rows(attributes: Records, client_type: str, schema: pa.Schema, rows: Positions) -> Iterator[pa.Array]:
    """The columns of a VALUES batch after ``run`` and ``attribute``, for the attributes at the rows."""
    if client_type not in _VALUE_FIELDS:
        yield pa.nulls(len(rows), schema.field("value").type)
        return
    have_value, values = attributes.child(_VALUE_FIELDS[client_type][0])
    for column in _value_columns(values, client_type, schema):
        yield expand(column, have_value, rows)


def _value_columns(values: Records, client_type: str, schema: pa.Schema) -> Iterator[pa.Array]:
    """The columns of a VALUES batch after ``run`` and ``attribute``, of messages that hold values of the type."""
    _, fields = _VALUE_FIELDS[client_type]
    for field in list(schema)[2:]:
        column = values.struct() if client_type == "file" else values.array(fields[field.name])
        yield renamed(column, field.type) if field.type in (FILE, HISTOGRAM) else column.cast(field.type)


def _draft_entries(page: AttributesPage, entry: Message) -> Draft:
    draft = Draft(entry, page.entries.num_rows)
    for column, name in _ENTRY_FIELDS[entry].items():
        draft.set(name, page.entries.column(column))
    if entry is messages.ATTRIBUTES:
        draft.set("type", pa.repeat("run", page.entries.num_rows))
    offsets, attributes = _draft_attributes(page)
    draft.set_items("attributes", offsets, attributes)
    return draft


def _draft_attributes(page: AttributesPage) -> tuple[Positions, Draft]:
    """List offsets by entry, and the attributes in the order of the entries."""
    batches = list(page.values.items())
    runs = np.concatenate([np.empty(0, np.int32), *(batch.column("run").to_numpy() for _, batch in batches)])
    order = np.argsort(runs, kind="stable")
    places = np.empty(len(runs), np.int64)
    places[order] = np.arange(len(runs))
    draft = Draft(messages.ATTRIBUTE, len(runs))
    if batches:
        draft.set("name", _joined([batch.column("attribute") for _, batch in batches]).take(pa.array(order)))
        wire_types = [WIRE_NAMES[client_type] for client_type, _ in batches]
        codes = np.repeat(np.arange(len(batches), dtype=np.int32), [batch.num_rows for _, batch in batches])
        draft.set("type", pa.DictionaryArray.from_arrays(pa.array(codes[order]), pa.array(wire_types)))
    first = 0
    for client_type, batch in batches:
        if client_type in _VALUE_FIELDS:
            rows = places[first : first + batch.num_rows]
            ascending = np.argsort(rows, kind="stable")
            ordered = batch if bool((rows[1:] > rows[:-1]).all()) else batch.take(pa.array(ascending))
            draft.set_child(_VALUE_FIELDS[client_type][0], rows[ascending], _draft_values(client_type, ordered))
        first += batch.num_rows
    return offsets_of(np.bincount(runs, minlength=page.entries.num_rows)), draft


def _draft_values(client_type: str, batch: pa.RecordBatch) -> Draft:
    field_name, fields = _VALUE_FIELDS[client_type]
    message = next(field.message for field in messages.ATTRIBUTE.fields if field.name == field_name)
    assert message is not None
    draft = Draft(message, batch.num_rows)
    draft.set("attribute_name", batch.column("attribute"))
    draft.set("attribute_type", pa.repeat(WIRE_NAMES[client_type], batch.num_rows))
    for column in batch.schema.names[2:]:
        values = batch.column(column)
        if client_type == "file":
            for member, name in _FILE_FIELDS.items():
                draft.set(name, values.flatten()[values.type.get_field_index(member)])
        elif values.type == FILE:
            draft.set(fields[column], renamed(values, messages.FILE_REF.arrow_type))
        else:
            draft.set(fields[column], values.cast(pa.int64()) if values.type == TIMESTAMP else values)
    return draft


def _joined(names: list[pa.DictionaryArray]) -> pa.DictionaryArray:
    """Dictionary arrays one after another, over one dictionary."""
    return pa.chunked_array(names).unify_dictionaries().combine_chunks()
