"""Points of series as SERIES_POINTS batches and as pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import FILE, HISTOGRAM, OBJECT_POINT, TIMESTAMP, float_point, series_points_schema
from neptune_frames.sources.archive.catalog import Catalog
from neptune_frames.sources.archive.payloads import describe
from neptune_frames.sources.archive.series import StitchedSeries


def point_type(attribute_type: str, options: SeriesOptions) -> pa.StructType:
    """The struct of a point of such a series."""
    if attribute_type == FLOAT_SERIES:
        return float_point(time=options.include_time, preview=options.include_previews, value=options.include_values)
    return OBJECT_POINT


def stored_columns(options: SeriesOptions) -> list[str]:
    """The columns that the points need beside the step."""
    timed = options.include_time or options.time_range != (None, None)
    return [*(["value"] if options.include_values else []), *(["timestamp"] if timed else [])]


def points_batch(
    points: StitchedSeries,
    runs: npt.NDArray[np.int32],
    attributes: npt.NDArray[np.int32],
    structs: pa.StructArray,
) -> pa.RecordBatch:
    """A SERIES_POINTS batch; ``runs`` and ``attributes`` are the positions of each series."""
    schema = series_points_schema(structs.type)
    lists = pa.LargeListArray.from_arrays(pa.array(points.offsets), structs, type=schema.field("points").type)
    return pa.record_batch([pa.array(runs), pa.array(attributes), lists], schema=schema)


def point_structs(
    catalog: Catalog, points: StitchedSeries, attribute_type: str, options: SeriesOptions
) -> pa.StructArray:
    """All points, in the order of the series, as `point_type`."""
    if attribute_type == FLOAT_SERIES:
        return _float_points(points, options)
    return _object_points(catalog, points, attribute_type, options)


def _float_points(points: StitchedSeries, options: SeriesOptions) -> pa.StructArray:
    columns: list[Any] = [points.steps]
    if options.include_values:
        values = points.column("value")
        columns.append((values.fill_null(np.nan) if values.null_count() else values).to_numpy())
    if options.include_time:
        columns.append(_times(points))
    if options.include_previews:
        # An export keeps previews as ordinary points: which ones they were is lost.
        columns += [pa.repeat(False, len(points.steps)), pa.repeat(pa.scalar(1.0, pa.float32()), len(points.steps))]
    fields = list(point_type(FLOAT_SERIES, options))
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, fields, strict=True)
    ]
    return pa.StructArray.from_arrays(arrays, fields=fields)


def _object_points(
    catalog: Catalog, points: StitchedSeries, attribute_type: str, options: SeriesOptions
) -> pa.StructArray:
    """Columns that were not asked for hold nothing but null: sources give these points as they are stored."""
    count = len(points.steps)
    times = _times(points) if options.include_time else pa.nulls(count, TIMESTAMP)
    objects: dict[str, pa.Array] = {
        "string": pa.nulls(count, pa.string()),
        "histogram": pa.nulls(count, HISTOGRAM),
        "file": pa.nulls(count, FILE),
    }
    if not options.include_values:
        pass
    elif attribute_type == "string_series":
        objects["string"] = points.column("value").to_arrow().cast(pa.string())
    elif attribute_type == "histogram_series":
        objects["histogram"] = points.column("value").to_arrow().cast(HISTOGRAM)
    else:
        objects["file"] = describe(catalog.payloads, points.column("value"))
    arrays = [pa.array(points.steps), times, *objects.values()]
    return pa.StructArray.from_arrays(arrays, fields=list(OBJECT_POINT))


def _times(points: StitchedSeries) -> pa.Array:
    times: pl.Series = points.column("timestamp")
    return times.to_arrow().cast(TIMESTAMP)
