"""The request for float points as an Arrow stream: a row for each series, and in the metadata what they have in common.

The JSON of 10,000 series has megabytes, which take longer to write and to read than the points of short series. Our
server says that it reads this (`neptune_frames.wire.media_types.REQUEST_FORMATS_HEADER`), the official one does not.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.arrow_batches import check_batch, encode_stream, read_stream
from neptune_frames.wire.requests.message import MAX_BYTES, check_size, decode_message, encode_message
from neptune_frames.wire.requests.series import (
    SERIES_REQUESTS,
    FloatSeriesRequest,
    Strings,
    check_after_steps,
)
from neptune_frames.wire.requests.series_terms import SeriesTerms

_NAMES = pa.dictionary(pa.int32(), pa.string())
_SERIES = pa.schema(
    [
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("holder", _NAMES, nullable=False),
        pa.field("attribute", _NAMES, nullable=False),
        pa.field("after_step", pa.float64()),
    ]
)
#: Where the `SeriesTerms` are, in JSON.
_TERMS = b"terms"


def encode_float_series_request(
    request_ids: Strings,
    holders: Strings,
    attributes: Strings,
    terms: SeriesTerms,
    after_steps: pa.Array | None = None,
) -> bytes:
    """The body, from the arguments of `neptune_frames.wire.requests.series.encode_float_series_request`."""
    terms.check()
    check_after_steps(after_steps)
    columns = [
        pa.array(request_ids, pa.string()),
        _encoded(holders),
        _encoded(attributes),
        pa.nulls(len(request_ids), pa.float64()) if after_steps is None else after_steps,
    ]
    return encode_stream(pa.RecordBatch.from_arrays(columns, schema=_SERIES), {_TERMS: encode_message(terms)})


def decode_float_series_request(body: bytes, *, max_bytes: int = MAX_BYTES) -> FloatSeriesRequest:
    """The request in the body.

    Raises:
        WireDecodingError: The body, or the names in it when each is written out, is longer than ``max_bytes``, or
            the body is not such a request.
    """
    check_size(body, max_bytes)
    batch, metadata = read_stream(body)
    check_batch(batch, _SERIES)
    _check_names(batch, max_bytes)
    if _TERMS not in metadata:
        raise WireDecodingError(f"its metadata has no {_TERMS.decode()!r}")
    terms = decode_message(metadata[_TERMS], SeriesTerms)
    if terms.per_series_points_limit is None:
        raise WireDecodingError("a value is missing - at `$.perSeriesPointsLimit`")
    constants = {
        "lineage": terms.lineage,
        "entity_type": terms.lineage_entity_type,
        "include_preview": terms.include_preview,
    }
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in _SERIES.names
        else pa.repeat(pa.scalar(constants.get(field.name), field.type), batch.num_rows)
        for field in SERIES_REQUESTS
    ]
    series = pa.RecordBatch.from_arrays(columns, schema=SERIES_REQUESTS)
    return FloatSeriesRequest(series, terms.per_series_points_limit, terms.step_range, terms.order)


def _check_names(batch: pa.RecordBatch, max_bytes: int) -> None:
    """Refuse names that are small in the body, where each is there once, and fill the memory for all series."""
    size = 0
    for field in _SERIES:
        if field.type == _NAMES:
            names = batch.column(field.name)
            size += pc.sum(pc.binary_length(names.dictionary).cast(pa.int64()).take(names.indices)).as_py() or 0
    if size > max_bytes:
        raise WireDecodingError(f"the names of its series have {size} bytes in all; at most {max_bytes} are read")


def _encoded(names: Strings) -> pa.DictionaryArray:
    array = names if isinstance(names, pa.Array) else pa.array(names, pa.string())
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
