"""Requests for series points (F and R), built and read as columns.

One request lists up to 10,000 series and one call up to a million: the text of each series is joined
from columns, repeated names are escaped once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import NeptuneUserError
from neptune_frames.query.selection import StepRange
from neptune_frames.wire.json.decoding import decode_object
from neptune_frames.wire.json.encoding import JSON_TEXT, concatenated, encode_object, escaped, json_text
from neptune_frames.wire.requests.message import MAX_BYTES, check_size
from neptune_frames.wire.requests.series_terms import SeriesTerms

#: One row per requested series. ``after_step`` is for float series, ``token`` for the others.
SERIES_REQUESTS = pa.schema(
    [
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("holder", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("lineage", pa.string()),
        pa.field("entity_type", pa.string()),
        pa.field("include_preview", pa.bool_()),
        pa.field("after_step", pa.float64()),
        pa.field("token", pa.string()),
    ]
)

#: Names by position: an Arrow array (a dictionary array is best) or a sequence of text.
Strings: TypeAlias = pa.Array | Sequence[str]

#: What holds a series, in the words of requests. Servers need no such word, since there is no other.
_HOLDER_TYPE = "experiment"

#: Bytes of an object in a request on average, at least: a series has three, whose keys alone are 70 bytes.
_FEWEST_BYTES = 20


@dataclass(frozen=True)
class FloatSeriesRequest:
    """A request for float points. ``series`` is a SERIES_REQUESTS batch.

    ``order`` is ``ascending``, ``descending`` or absent; at most ``per_series_points_limit`` points of
    each series are wanted, strictly after its ``after_step`` in that order.
    """

    series: pa.RecordBatch
    per_series_points_limit: int
    step_range: StepRange = (None, None)
    order: str | None = None


@dataclass(frozen=True)
class ObjectSeriesRequest:
    """A request for points of other series; ``token`` says where the answer before ended.

    ``per_series_points_limit`` counts the points of all pages; None is no limit.
    """

    series: pa.RecordBatch
    per_series_points_limit: int | None = None
    step_range: StepRange = (None, None)
    order: str | None = None


def encode_float_series_request(
    request_ids: Strings,
    holders: Strings,
    attributes: Strings,
    terms: SeriesTerms,
    after_steps: pa.Array | None = None,
) -> bytes:
    """The body of a request for float points (F).

    Args:
        request_ids: One entry per series.
        holders: One entry per series: ``workspace/project/SYS-1`` or ``CUSTOM/workspace/project/run id``.
        attributes: One entry per series: the names.
        terms: What holds for all of them.
        after_steps: float64, null for a series that starts at the beginning; None for all of them.

    Raises:
        NeptuneUserError: A step is NaN or infinite, which JSON cannot say.

    Example:
        >>> terms = SeriesTerms(lineage="FULL", lineage_entity_type="RUN", per_series_points_limit=5)
        >>> encode_float_series_request(["0"], ["w/p/RUN-1"], ["loss"], terms).decode()  # doctest: +ELLIPSIS
        '{"perSeriesPointsLimit":5,"requests":[{"requestId":"0","series":{"attribute":"loss",...}}],"order":...}'
    """
    preview = f',"includePreview":{json_text(pa.array([terms.include_preview]))[0].as_py()}'
    pieces = _series_pieces(request_ids, holders, attributes, preview, terms)
    check_after_steps(after_steps)
    if after_steps is not None:
        pieces.append(_optional(',"afterStep":', json_text(after_steps), ""))
    members = _members(terms)
    limit = members.pop("perSeriesPointsLimit")
    return _body({"perSeriesPointsLimit": limit}, pieces, members)


def encode_object_series_request(
    request_ids: Strings,
    holders: Strings,
    attributes: Strings,
    terms: SeriesTerms,
    search_after: pa.Array | None = None,
) -> bytes:
    """The body of a request for points of string, histogram and file series (R).

    Parameters are those of `encode_float_series_request`; ``search_after`` holds the token that the
    answer before gave for each series, null where it gave none.
    """
    pieces = _series_pieces(request_ids, holders, attributes, "", terms)
    if search_after is not None:
        pieces.append(_optional(',"searchAfter":{"finished":false,"token":', json_text(search_after), "}"))
    return _body({}, pieces, _members(terms))


def decode_float_series_request(body: bytes, *, max_bytes: int = MAX_BYTES) -> FloatSeriesRequest:
    """The request in the body of F.

    Raises:
        WireDecodingError: The body is longer than ``max_bytes`` or is not such a request.
    """
    check_size(body, max_bytes)
    request = decode_object(body, _FLOAT_REQUEST, fewest_bytes=_FEWEST_BYTES)
    limit = request.field("perSeriesPointsLimit")[0].as_py()
    return FloatSeriesRequest(_series(request), limit, _decoded_range(request), request.field("order")[0].as_py())


def decode_object_series_request(body: bytes, *, max_bytes: int = MAX_BYTES) -> ObjectSeriesRequest:
    """The request in the body of R; raises as `decode_float_series_request` does."""
    check_size(body, max_bytes)
    request = decode_object(body, _OBJECT_REQUEST, fewest_bytes=_FEWEST_BYTES)
    limit = request.field("perSeriesPointsLimit")[0].as_py()
    return ObjectSeriesRequest(_series(request), limit, _decoded_range(request), request.field("order")[0].as_py())


def check_after_steps(after_steps: pa.Array | None) -> None:
    """Raise `NeptuneUserError` for steps that JSON cannot say."""
    if after_steps is not None and pc.any(pc.invert(pc.is_finite(after_steps))).as_py():
        raise NeptuneUserError("A step to continue after is NaN or infinite; steps must be finite numbers.")


def _series_pieces(
    request_ids: Strings, holders: Strings, attributes: Strings, preview: str, terms: SeriesTerms
) -> list[pa.Array | str]:
    """The text of one request up to the end of its ``series``, in pieces."""
    entity_type = terms.lineage_entity_type
    entity = "" if entity_type is None else f',"lineageEntityType":{_constant_text(entity_type)}'
    return [
        '{"requestId":"',
        _text(request_ids),
        '","series":{"attribute":"',
        _text(attributes),
        '","holder":{"identifier":"',
        _text(holders),
        f'","type":"{_HOLDER_TYPE}"}}{preview},"lineage":{_constant_text(terms.lineage)}{entity}}}',
    ]


def _text(strings: Strings) -> pa.Array:
    return escaped(strings if isinstance(strings, pa.Array) else pa.array(strings, pa.string()))


def _constant_text(text: str) -> str:
    return str(json_text(pa.array([text]))[0].as_py())


def _optional(before: str, text: pa.Array, after: str) -> pa.Array:
    return pc.fill_null(concatenated(before, text, after), "")


def _body(before: dict[str, pa.Array], pieces: list[pa.Array | str], after: dict[str, pa.Array]) -> bytes:
    """The object that lists the requests made of the pieces, with other members before and after them."""
    texts = concatenated(*pieces, "},")
    # The texts lie one after the other in one buffer, commas included: it is the list, up to the last comma.
    requests = memoryview(texts.buffers()[2])[: pc.sum(pc.binary_length(texts)).as_py() - 1] if len(texts) else b""
    head = encode_object(before)[:-1] + b"," if before else b"{"
    return b"".join([head, b'"requests":[', requests, b"],", encode_object(after)[1:]])


def _members(terms: SeriesTerms) -> dict[str, pa.Array]:
    """What is said beside the list. Null is written out in the step range only, as the official clients do."""
    terms.check()
    low, high = (json_text(pa.array([step], pa.float64())) for step in terms.step_range)
    step_range = concatenated('{"from":', pc.fill_null(low, "null"), ',"to":', pc.fill_null(high, "null"), "}")
    return {
        "order": pa.array([terms.order]),
        "perSeriesPointsLimit": pa.array([terms.per_series_points_limit], pa.int64()),
        "stepRange": step_range.cast(JSON_TEXT),
    }


_SERIES = pa.struct(
    [
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("holder", pa.struct([pa.field("identifier", pa.string(), nullable=False)]), nullable=False),
        pa.field("includePreview", pa.bool_()),
        pa.field("lineage", pa.string()),
        pa.field("lineageEntityType", pa.string()),
    ]
)
_REQUEST = pa.struct(
    [
        pa.field("requestId", pa.string(), nullable=False),
        pa.field("series", _SERIES, nullable=False),
        pa.field("afterStep", pa.float64()),
        pa.field("searchAfter", pa.struct([pa.field("token", pa.string())])),
    ]
)


def _request_type(*, limit_required: bool) -> pa.StructType:
    return pa.struct(
        [
            pa.field("perSeriesPointsLimit", pa.int64(), nullable=not limit_required),
            pa.field("requests", pa.large_list(pa.field("item", _REQUEST, nullable=False)), nullable=False),
            pa.field("stepRange", pa.struct([pa.field("from", pa.float64()), pa.field("to", pa.float64())])),
            pa.field("order", pa.string()),
        ]
    )


_FLOAT_REQUEST = _request_type(limit_required=True)
_OBJECT_REQUEST = _request_type(limit_required=False)

#: Column of SERIES_REQUESTS -> where it is in a request.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "request_id": ("requestId",),
    "holder": ("series", "holder", "identifier"),
    "attribute": ("series", "attribute"),
    "lineage": ("series", "lineage"),
    "entity_type": ("series", "lineageEntityType"),
    "include_preview": ("series", "includePreview"),
    "after_step": ("afterStep",),
    "token": ("searchAfter", "token"),
}


def _series(request: pa.StructArray) -> pa.RecordBatch:
    requests = request.field("requests").flatten()
    columns = {name: pc.struct_field(requests, list(path)) for name, path in _COLUMNS.items()}
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=SERIES_REQUESTS)


def _decoded_range(request: pa.StructArray) -> StepRange:
    low, high = (pc.struct_field(request, ["stepRange", side])[0].as_py() for side in ("from", "to"))
    return low, high
