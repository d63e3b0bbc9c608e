"""JSON text as Arrow arrays, column by column: no Python object per value.

The text is checked by msgspec (syntax, depth) and read by Polars, at first with every number as a float.
That is exact unless the text has an integer beyond 2**53, ``"NaN"`` or a number given as text, or a boolean
in the place of a number (Polars would take it for 0 or 1). Then it is read once more with every number
as text, which takes twice the time and reads all of these as they should be, or says what is wrong (a
number in the place of text is read as text). Unknown keys are ignored, null counts as absent. Depth is
bounded by Python's recursion limit, which msgspec heeds.
"""

from __future__ import annotations

import re
from io import BytesIO

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.json.shape import FEWEST_BYTES, check_shape

_LONGEST_REASON = 200

#: How Polars ends its complaint about a value of the wrong kind, after having quoted the value.
_EXPECTED_KIND = re.compile(r'" as (\w+)\.$')

_POLARS_NUMBERS = {
    pa.int32(): pl.Int32,
    pa.int64(): pl.Int64,
    pa.float32(): pl.Float32,
    pa.float64(): pl.Float64,
}

#: Integers below it are the same as floats.
_EXACT_INTEGERS = 2**53

#: Numbers that only text can say.
_NUMBERS_AS_TEXT = (b'"NaN"', b'Infinity"')


def decode_object(
    body: bytes | bytearray | memoryview, message: pa.StructType, *, fewest_bytes: int = FEWEST_BYTES
) -> pa.StructArray:
    """The JSON object in ``body`` as an array of length 1.

    Args:
        body: The bytes of the object.
        message: The keys to read and their types. A field that is not nullable must be there.
        fewest_bytes: What objects in a long body have on average, at least.

    Raises:
        WireDecodingError: The body is not such an object.

    Example:
        >>> message = pa.struct([pa.field("a", pa.float64()), pa.field("b", pa.large_list(pa.string()))])
        >>> decode_object(b'{"a": "NaN", "b": ["x"], "c": 0}', message).to_pylist()
        [{'a': nan, 'b': ['x']}]
    """
    _check(body)
    check_shape(body, fewest_bytes)
    numbers = _with_float_numbers(body, message)
    return _typed(_read(body, message, pl.String()) if numbers is None else numbers, message, "$")


def _check(body: bytes | bytearray | memoryview) -> None:
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        str(memoryview(body), "utf-8")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireDecodingError(_reason(error)) from None
    except RecursionError:
        raise WireDecodingError("it is nested too deeply") from None


def _with_float_numbers(body: bytes | bytearray | memoryview, message: pa.StructType) -> pa.StructArray | None:
    """The object with every number as a float; None if that may not be what the text says."""
    text = bytes(body)
    if any(number in text for number in _NUMBERS_AS_TEXT):
        return None
    try:
        read = _read(body, message, pl.Float64())
    except WireDecodingError:
        return None
    # If all the booleans of the text were read as such, then none stands in the place of a number.
    all_booleans = text.count(b"true") + text.count(b"false") == _count_booleans(read)
    return read if all_booleans and _are_exact(read, message) else None


def _count_booleans(array: pa.Array) -> int:
    if pa.types.is_struct(array.type):
        return sum(_count_booleans(member) for member in array.flatten())
    if pa.types.is_large_list(array.type):
        return _count_booleans(array.flatten())
    return len(array) - array.null_count if pa.types.is_boolean(array.type) else 0


def _are_exact(array: pa.Array, wanted: pa.DataType) -> bool:
    """Whether the floats that were read for integers are those integers."""
    if pa.types.is_struct(wanted):
        return all(_are_exact(array.field(i), field.type) for i, field in enumerate(wanted))
    if pa.types.is_large_list(wanted):
        return _are_exact(array.values, wanted.value_type)
    if not pa.types.is_integer(wanted):
        return True
    exact = pc.and_(pc.less(pc.abs(array), _EXACT_INTEGERS), pc.equal(pc.trunc(array), array))
    return pc.all(exact).as_py() is not False


def _read(body: bytes | bytearray | memoryview, message: pa.StructType, number: pl.DataType) -> pa.StructArray:
    schema = {field.name: _polars_type(field.type, number) for field in message}
    try:
        members = pl.read_json(BytesIO(body), schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise WireDecodingError(_reason(error)) from None
    return members.to_struct().to_arrow(compat_level=pl.CompatLevel.oldest())


def _reason(error: BaseException) -> str:
    text = str(error).split("\n", 1)[0]
    expected = _EXPECTED_KIND.search(text)
    return f"a value is not a {expected[1]}" if expected else text[:_LONGEST_REASON]


def _polars_type(wanted: pa.DataType, number: pl.DataType) -> pl.DataType:
    """What Polars is to read: the structure of ``wanted`` with times as text and all numbers as ``number``."""
    if pa.types.is_struct(wanted):
        return pl.Struct({field.name: _polars_type(field.type, number) for field in wanted})
    if pa.types.is_large_list(wanted):
        return pl.List(_polars_type(wanted.value_type, number))
    if pa.types.is_boolean(wanted):
        return pl.Boolean()
    return number if wanted in _POLARS_NUMBERS else pl.String()


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
        if text.type == wanted:
            return text
        if wanted in _POLARS_NUMBERS:
            numbers = pl.Series("", text).cast(_POLARS_NUMBERS[wanted])
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
