"""Arrow arrays as JSON text, column by column: no Python object per value.

A message is an array with one struct in it, whose fields are the JSON keys; its text is one string
whose buffer is the body. Null members are left out. Non-finite numbers are the strings that JSON form
of protobuf has for them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.slices import offsets_of

#: The type of values that are JSON text already.
JSON_TEXT = pa.large_binary()

_TEXT = pa.large_string()
_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    **{chr(code): f"\\u{code:04x}" for code in range(0x20)},
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


def encode_object(members: Mapping[str, pa.Array]) -> bytes:
    """The JSON object with these members, each an array of length 1.

    >>> encode_object({"a": pa.array([1.5]), "b": pa.array([["x", None]]), "c": pa.array([None], pa.int64())})
    b'{"a":1.5,"b":["x",null]}'
    """
    text = json_text(pa.StructArray.from_arrays(list(members.values()), names=list(members)))
    return bytes(text.buffers()[2])


def single_list(values: pa.Array) -> pa.Array:
    """An array with one element: the list of all the values."""
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


def constant(value: pa.Scalar, length: int) -> pa.Array:
    """An array that repeats one value, at four bytes a row."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(length, np.int32)), pa.array([value.as_py()], value.type))


def json_text(array: pa.Array) -> pa.Array:
    """The JSON text of each element (large_string); null where the element is null."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return pc.take(json_text(array.dictionary), array.indices)
    if pa.types.is_struct(kind):
        return _object_text(array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list_text(array)
    if pa.types.is_floating(kind):
        return _float_text(array)
    if pa.types.is_timestamp(kind):
        return quoted(pc.strftime(array.cast(pa.timestamp("ms", "UTC")), format="%Y-%m-%dT%H:%M:%SZ"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return quoted(array)
    return array.cast(_TEXT)


def quoted(strings: pa.Array) -> pa.Array:
    """Strings as JSON strings."""
    return concatenated('"', escaped(strings), '"')


def escaped(strings: pa.Array) -> pa.Array:
    """Strings as they stand between the quotes of a JSON string."""
    if pa.types.is_dictionary(strings.type):
        return pc.take(escaped(strings.dictionary), strings.indices)
    text = strings.cast(_TEXT)
    if _needs_escapes(text):
        for character, escape in _ESCAPES.items():
            text = pc.replace_substring(text, character, escape)
    return text


def _needs_escapes(text: pa.LargeStringArray) -> bool:
    """Whether any byte may not stand in a JSON string as it is."""
    _, offsets, data = text.buffers()
    if data is None or len(text) == 0:
        return False
    bounds = np.frombuffer(offsets, np.int64, len(text) + 1, text.offset * 8)
    characters = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    return bool(((characters < 0x20) | (characters == ord('"')) | (characters == ord("\\"))).any())


def concatenated(*pieces: pa.Array | str) -> pa.Array:
    """Arrays and constants joined element by element; null where an array is null."""
    arguments = [pa.scalar(piece, _TEXT) if isinstance(piece, str) else piece for piece in pieces]
    return pc.binary_join_element_wise(*arguments, pa.scalar("", _TEXT))


def joined_lists(lengths: pa.Array, texts: pa.Array) -> pa.Array:
    """Runs of ``lengths`` texts, each joined with commas; an empty text for an empty run."""
    offsets = offsets_of(lengths.to_numpy(zero_copy_only=False))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), texts)
    return pc.binary_join(lists, pa.scalar(",", _TEXT))


def _object_text(array: pa.Array) -> pa.Array:
    members = [(field.name, json_text(array.field(i))) for i, field in enumerate(array.type)]
    if any(text.null_count for _, text in members):
        # Not null_handling="skip": in pyarrow 26 that drops rows which are null in every argument.
        present = [pc.fill_null(concatenated(f',"{name}":', text), "") for name, text in members]
        text = concatenated(pc.binary_replace_slice(concatenated(*present), 0, 1, "{"), "}")
    else:
        pieces = [piece for name, text in members for piece in (f',"{name}":', text)]
        text = concatenated("{" + str(pieces[0])[1:], *pieces[1:], "}")
    return text if array.null_count == 0 else pc.if_else(array.is_valid(), text, pa.scalar(None, _TEXT))


def _list_text(array: pa.Array) -> pa.Array:
    elements = pc.fill_null(json_text(array.flatten()), "null")
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    text = concatenated("[", joined_lists(lengths, elements), "]")
    return text if array.null_count == 0 else pc.if_else(array.is_valid(), text, pa.scalar(None, _TEXT))


def _float_text(array: pa.Array) -> pa.Array:
    # Polars writes the shortest text that reads back as the same number, -0.0 with its sign.
    text = pl.Series("", array).cast(pl.String).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(_TEXT)
    finite = pc.is_finite(array)
    if pc.all(finite).as_py() is not False:
        return text
    infinite = pc.if_else(pc.greater(array, 0), '"Infinity"', '"-Infinity"')
    other = pc.if_else(pc.is_nan(array), '"NaN"', infinite).cast(_TEXT)
    return pc.if_else(finite, text, other)
