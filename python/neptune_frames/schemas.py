"""The Arrow schemas every room speaks.

One definition per kind of batch. Wire decoders produce them, sources hand them on, frames turn them
into results. Keys are small integers that point into a table sent along (``runs``) or an array of
names (``attributes``), so that a batch of a million points carries no strings.
"""

from __future__ import annotations

import pyarrow as pa

TIMESTAMP = pa.timestamp("ms", tz="UTC")

#: One row per run (or experiment head), in the order the source was asked for.
#: ``sys_id`` is null where a run is addressed by ``run_id`` alone (no search was made).
RUNS = pa.schema(
    [
        pa.field("project", pa.string(), nullable=False),
        pa.field("sys_id", pa.string()),
        pa.field("run_id", pa.string()),
        pa.field("experiment", pa.string()),
    ]
)

#: Attribute definitions: unique (attribute, type) pairs. Types are client names (``float_series``).
ATTRIBUTES = pa.schema(
    [
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
    ]
)

FILE = pa.struct(
    [
        pa.field("path", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("mime_type", pa.string()),
    ]
)

HISTOGRAM = pa.struct(
    [
        pa.field("type", pa.string()),
        pa.field("edges", pa.list_(pa.float64())),
        pa.field("values", pa.list_(pa.float64())),
    ]
)

#: The Arrow type of the ``value`` column, by client attribute type. A series' value is its last one.
VALUE_TYPES: dict[str, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "datetime": TIMESTAMP,
    "string_set": pa.list_(pa.string()),
    "float_series": pa.float64(),
    "string_series": pa.string(),
    "histogram_series": HISTOGRAM,
    "file": FILE,
    "file_series": FILE,
    "experiment_state": pa.string(),
}

#: Statistics a float series carries beside its last value. Variance is the population variance.
FLOAT_SERIES_STATISTICS = ("min", "max", "average", "variance")

SERIES_TYPES = ("float_series", "string_series", "histogram_series", "file_series")


def values_schema(attribute_type: str, *, statistics: bool = True) -> pa.Schema:
    """Schema of a VALUES batch, which holds one attribute type: one row per (run, attribute).

    ``run`` is a position in the RUNS table (or the entries of a page) the batch belongs to. A null
    ``value`` means that the attribute is there but has no value (a series without a last value). Float
    series without ``statistics`` have their last value only.
    """
    fields = [
        pa.field("run", pa.int32(), nullable=False),
        pa.field("attribute", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("value", VALUE_TYPES[attribute_type]),
    ]
    if attribute_type == "float_series" and not statistics:
        return pa.schema(fields)
    if attribute_type in SERIES_TYPES:
        fields.append(pa.field("last_step", pa.float64()))
    if attribute_type == "float_series":
        fields.extend(pa.field(name, pa.float64()) for name in FLOAT_SERIES_STATISTICS)
    return pa.schema(fields)


STEP = pa.field("step", pa.float64(), nullable=False)
POINT_TIME = pa.field("timestamp", TIMESTAMP)
POINT_PREVIEW = (
    pa.field("is_preview", pa.bool_(), nullable=False),
    pa.field("preview_completion", pa.float32(), nullable=False),
)


def float_point(*, time: bool = False, preview: bool = False, value: bool = True) -> pa.StructType:
    """The struct of one float point. Columns that were not asked for do not exist."""
    fields = [STEP]
    if value:
        fields.append(pa.field("value", pa.float64(), nullable=False))
    if time:
        fields.append(POINT_TIME)
    if preview:
        fields.extend(POINT_PREVIEW)
    return pa.struct(fields)


def series_points_schema(point: pa.StructType) -> pa.Schema:
    """Schema of a SERIES_POINTS batch: one row per piece of a series, its points in one list.

    A series may come in several pieces; pieces of one series are in step order, and steps ascend
    within a piece. The list column keeps keys off the points: one offsets buffer, flat children.
    """
    return pa.schema(
        [
            pa.field("run", pa.int32(), nullable=False),
            pa.field("attribute", pa.int32(), nullable=False),
            pa.field("points", pa.large_list(pa.field("item", point, nullable=False)), nullable=False),
        ]
    )


#: The value of a string, histogram or file series point; exactly one member is set.
SERIES_OBJECT_FIELDS = (
    pa.field("string", pa.string()),
    pa.field("histogram", HISTOGRAM),
    pa.field("file", FILE),
)

#: The member that is set in the points of each type of series.
OBJECT_MEMBERS = {f"{field.name}_series": field.name for field in SERIES_OBJECT_FIELDS}

#: One point of a string, histogram or file series.
OBJECT_POINT = pa.struct([STEP, POINT_TIME, *SERIES_OBJECT_FIELDS])

#: One row per non-empty bucket of a series. ``first``/``last`` are finite points only.
BUCKETS = pa.schema(
    [
        pa.field("run", pa.int32(), nullable=False),
        pa.field("attribute", pa.int32(), nullable=False),
        pa.field("index", pa.int64(), nullable=False),
        pa.field("from_x", pa.float64(), nullable=False),
        pa.field("to_x", pa.float64(), nullable=False),
        pa.field("first_x", pa.float64()),
        pa.field("first_y", pa.float64()),
        pa.field("last_x", pa.float64()),
        pa.field("last_y", pa.float64()),
        pa.field("local_min", pa.float64()),
        pa.field("local_max", pa.float64()),
        pa.field("local_sum", pa.float64()),
        pa.field("finite_point_count", pa.int64(), nullable=False),
        pa.field("nan_count", pa.int64(), nullable=False),
        pa.field("positive_inf_count", pa.int64(), nullable=False),
        pa.field("negative_inf_count", pa.int64(), nullable=False),
    ]
)

#: Columns of BUCKETS that not every question needs: a bucket's place, and what describes all of its points.
BUCKET_STATISTICS = (
    "index",
    "local_min",
    "local_max",
    "local_sum",
    "finite_point_count",
    "nan_count",
    "positive_inf_count",
    "negative_inf_count",
)


def buckets_schema(*, statistics: bool = True) -> pa.Schema:
    """BUCKETS, or its columns that are no statistics.

    >>> buckets_schema(statistics=False).names[2:]
    ['from_x', 'to_x', 'first_x', 'first_y', 'last_x', 'last_y']
    """
    return BUCKETS if statistics else pa.schema([field for field in BUCKETS if field.name not in BUCKET_STATISTICS])
