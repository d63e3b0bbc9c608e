"""JSON text as Arrow arrays, column by column: no Python object per value.

The text is checked by msgspec (syntax, depth) and read by Polars with every number as text, so that
``"NaN"``, ``"Infinity"`` and 64-bit integers given as text read like numbers, and a boolean or an object in
the place of a number is an error (a number in the place of text is read as text). Unknown keys are
ignored, null counts as absent. Depth is bounded by Python's recursion limit, which msgspec heeds.
"""

from __future__ import annotations

import re

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import WireDecodingError

_LONGEST_REASON = 200

#: How Polars ends its complaint about a value of the wrong kind, after having quoted the value.
_EXPECTED_KIND = re.compile(r'" as (\w+)\.$')

_POLARS_NUMBERS = {
    pa.int32(): pl.Int32,
    pa.int64(): pl.Int64,
    pa.float32(): pl.Float32,
    pa.float64(): pl.Float64,
}


def decode_object(body: bytes | bytearray | memoryview, message: pa.StructType) -> pa.StructArray:
    """The JSON object in ``body`` as an array of length 1.

    Parameters
    ----------
    message
        The keys to read and their types. A field that is not nullable must be there.

    Raises
    ------
    WireDecodingError
        The body is not such an object.

    >>> message = pa.struct([pa.field("a", pa.float64()), pa.field("b", pa.large_list(pa.string()))])
    >>> decode_object(b'{"a": "NaN", "b": ["x"], "c": 0}', message).to_pylist()
    [{'a': nan, 'b': ['x']}]
    """
    text = _checked_text(body)
    try:
        column = pl.Series([text], dtype=pl.String).str.json_decode(_text_type(message))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise WireDecodingError(_reason(error)) from None
    return _typed(column.to_arrow(compat_level=pl.CompatLevel.oldest()), message, "$")


def _checked_text(body: bytes | bytearray | memoryview) -> str:
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return str(memoryview(body), "utf-8")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireDecodingError(_reason(error)) from None
    except RecursionError:
        raise WireDecodingError("it is nested too deeply") from None


def _reason(error: BaseException) -> str:
    text = str(error).split("\n", 1)[0]
    expected = _EXPECTED_KIND.search(text)
    return f"a value is not a {expected[1]}" if expected else text[:_LONGEST_REASON]


def _text_type(wanted: pa.DataType) -> pl.DataType:
    """What Polars is to read: the structure of ``wanted`` with text in the place of numbers and times."""
    if pa.types.is_struct(wanted):
        return pl.Struct({field.name: _text_type(field.type) for field in wanted})
    if pa.types.is_large_list(wanted):
        return pl.List(_text_type(wanted.value_type))
    return pl.Boolean() if pa.types.is_boolean(wanted) else pl.String()


def _typed(array: pa.Array, wanted: pa.DataType, path: str) -> pa.Array:
    if pa.types.is_struct(wanted):
        members = [_member(array, i, field, f"{path}.{field.name}") for i, field in enumerate(wanted)]
        return pa.StructArray.from_arrays(members, fields=list(wanted), mask=array.is_null())
    if pa.types.is_large_list(wanted):
        values = array.values
        if not wanted.value_field.nullable and values.null_count:
            raise WireDecodingError(f"null in a list - at `{path}[...]`")
        return pa.LargeListArray.from_arrays(
            array.offsets, _typed(values, wanted.value_type, f"{path}[...]"), type=wanted
        )
    return _leaf(array, wanted, path)


def _member(parent: pa.StructArray, index: int, field: pa.Field, path: str) -> pa.Array:
    values = parent.field(index)
    if not field.nullable and pc.any(pc.and_(values.is_null(), parent.is_valid())).as_py():
        raise WireDecodingError(f"a value is missing - at `{path}`")
    return _typed(values, field.type, path)


def _leaf(text: pa.Array, wanted: pa.DataType, path: str) -> pa.Array:
    try:
        if wanted in _POLARS_NUMBERS:
            numbers = pl.Series("", text, dtype=pl.String).cast(_POLARS_NUMBERS[wanted])
            return numbers.to_arrow(compat_level=pl.CompatLevel.oldest())
        if pa.types.is_timestamp(wanted):
            return _timestamps(text, wanted)
        return text.cast(wanted)
    except (pl.exceptions.PolarsError, pa.ArrowInvalid) as error:
        raise WireDecodingError(f"expected {wanted}: {_reason(error)} - at `{path}`") from None


def _timestamps(text: pa.Array, wanted: pa.DataType) -> pa.Array:
    """ISO 8601 with an offset; what is finer than a millisecond is cut off."""
    six_digits = pc.replace_substring_regex(pc.utf8_upper(text), r"(\.\d{6})\d+", r"\1")
    exact = six_digits.cast(pa.timestamp("us", "UTC"))
    return pc.floor_temporal(exact, unit="millisecond").cast(wanted)
