"""Points of string, histogram and file series (`ProtoSeriesValuesResponseDTO`) <-> OBJECT_SERIES_PAGE."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.schemas import FILE, HISTOGRAM, OBJECT_POINT, TIMESTAMP
from neptune_frames.wire.buffer import Body, Positions
from neptune_frames.wire.pages import OBJECT_SERIES_PAGE
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.pages import body_of, expanded_offsets, list_column, list_parts
from neptune_frames.wire.protobuf.records import Records
from neptune_frames.wire.protobuf.structs import expand
from neptune_frames.wire.renaming import renamed

#: Where the points are: the second is the deprecated form, whose points carry a bare string.
_SERIES_FIELDS = ("seriesValues", "string_series")

_POINTS = OBJECT_SERIES_PAGE.field("points").type


def decode_object_series(body: Body) -> pa.RecordBatch:
    """Decode one answer, points in the order they came in. An entry without points has an empty list."""
    _, answers = Records.of_body(body, messages.OBJECT_SERIES_RESPONSE).items("series")
    everyone = np.arange(answers.count)
    with_progress, progress = answers.child("searchAfter")
    return pa.RecordBatch.from_arrays(
        [
            answers.array("requestId"),
            expand(progress.array("finished"), with_progress, everyone),
            expand(progress.array("token"), with_progress, everyone),
            _decode_points(answers),
        ],
        schema=OBJECT_SERIES_PAGE,
    )


def _decode_points(answers: Records) -> pa.Array:
    lists = []
    in_first: Positions = np.empty(0, np.int64)
    for name in _SERIES_FIELDS:
        rows, series = answers.child(name)
        offsets, points = series.item_structs("values", OBJECT_POINT, _decode_items)
        lists.append(list_column(_POINTS, expanded_offsets(offsets, rows, answers.count), points))
        if name == _SERIES_FIELDS[0]:
            in_first = rows
        elif not len(rows):
            return lists[0]
    # Some answers are in one form and some in the other.
    chosen = np.arange(answers.count) + answers.count
    chosen[in_first] -= answers.count
    return pa.concat_arrays(lists).take(pa.array(chosen))


def _decode_items(points: Records) -> pa.StructArray:
    everyone = np.arange(points.count)
    rows, objects = points.child("object")
    strings = expand(objects.array("stringValue"), rows, everyone)
    columns = {
        "step": points.array("step"),
        "timestamp": points.array("timestamp_millis").cast(TIMESTAMP),
        "string": pc.coalesce(strings, points.array("value")),
        "histogram": expand(renamed(objects.array("histogram"), HISTOGRAM), rows, everyone),
        "file": expand(renamed(objects.array("fileRef"), FILE), rows, everyone),
    }
    return pa.StructArray.from_arrays([columns[field.name] for field in OBJECT_POINT], fields=list(OBJECT_POINT))


def encode_object_series(page: pa.RecordBatch) -> bytes:
    """Encode an OBJECT_SERIES_PAGE. ``searchAfter`` is there where ``finished`` or ``token`` is not null."""
    offsets, points = list_parts(page.column("points"))
    series = Draft(messages.SERIES_VALUES, page.num_rows)
    series.set_items("values", offsets, _draft_points(points))
    answers = Draft(messages.OBJECT_SERIES_ANSWER, page.num_rows)
    answers.set("requestId", page.column("request_id"))
    finished, token = page.column("finished"), page.column("token")
    rows = np.flatnonzero(pc.or_(finished.is_valid(), token.is_valid()).to_numpy(zero_copy_only=False))
    progress = Draft(messages.SEARCH_AFTER, len(rows))
    progress.set("finished", finished.take(pa.array(rows)))
    progress.set("token", token.take(pa.array(rows)))
    answers.set_child("searchAfter", rows, progress)
    answers.set_child("seriesValues", np.arange(page.num_rows), series)
    return body_of(messages.OBJECT_SERIES_RESPONSE, "series", answers)


def _draft_points(points: pa.StructArray) -> Draft:
    draft = Draft(messages.OBJECT_POINT, len(points))
    draft.set("timestamp_millis", points.field("timestamp").cast(pa.int64()))
    draft.set("step", points.field("step"))
    # Only float series have previews: every point here is complete.
    draft.set("completion_ratio", np.ones(len(points), np.float32))
    strings, histograms, files = (points.field(name) for name in ("string", "histogram", "file"))
    has_object = pc.or_(pc.or_(strings.is_valid(), histograms.is_valid()), files.is_valid())
    rows = np.flatnonzero(has_object.to_numpy(zero_copy_only=False))
    chosen = pa.array(rows)
    objects = Draft(messages.POINT_OBJECT, len(rows))
    objects.set("stringValue", strings.take(chosen))
    objects.set("histogram", histograms.take(chosen))
    objects.set("fileRef", renamed(files.take(chosen), messages.FILE_REF.arrow_type))
    draft.set_child("object", rows, objects)
    return draft
