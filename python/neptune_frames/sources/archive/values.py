"""Attribute values of a catalog: columns for filters and sorting, and VALUES batches.

Parameters come from the inventory as they are. The value and the statistics of a float series come
from it too where a run has all its points itself; where points are inherited they are computed from
the joined series. The last value of other series is read when it is asked for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import FLOAT_SERIES_STATISTICS, SERIES_TYPES, VALUE_TYPES, values_schema
from neptune_frames.sources.archive.catalog import Catalog
from neptune_frames.sources.archive.grouping import dense_codes
from neptune_frames.sources.archive.layout import VALUE_COLUMNS
from neptune_frames.sources.archive.payloads import describe
from neptune_frames.sources.archive.series import SeriesRequest, read_series, stretches
from neptune_frames.sources.archive.statistics import STATISTICS, series_statistics

#: Exports leave it out. Nobody logs to an archived run, so that all of them are inactive.
_STATE = "sys/state"
_SUMMARY = ("last_step", *STATISTICS)
#: Attributes whose computed columns are kept, per catalog.
_KEPT_COLUMNS = 64


def attribute_values(
    catalog: Catalog, attribute_type: str, runs: npt.NDArray[np.int64], attributes: npt.NDArray[np.int32]
) -> pl.DataFrame:
    """The values of attributes of one type: ``target`` (position in ``runs``), ``attribute``, ``value``.

    Series have ``last_step`` too, and float series their statistics, inherited points included. The
    value of a file is its path. Rows are ordered by attribute and run.
    """
    if attribute_type == FLOAT_SERIES:
        return _float_summaries(catalog, runs, attributes)
    if attribute_type in SERIES_TYPES:
        return _last_objects(catalog, attribute_type, runs, attributes)
    rows = catalog.rows(attribute_type, attributes)
    if len(runs) == catalog.run_count and bool((runs == np.arange(len(runs))).all()):
        return rows[["attribute", "value"]].insert_column(0, rows["run"].cast(pl.Int64).alias("target"))
    targets = pl.DataFrame({"run": runs.astype(np.int32), "target": np.arange(len(runs))})
    joined = rows.join(targets, on="run", maintain_order="left_right")
    return joined.select("target", "attribute", "value")


def values_batch(
    catalog: Catalog, attribute_type: str, values: pl.DataFrame, positions: npt.NDArray[np.int64]
) -> pa.Table:
    """`attribute_values` as a table in ``values_schema(attribute_type)``; ``run`` is the position of each target."""
    used, codes = dense_codes(values["attribute"].to_numpy(), len(catalog.attributes))
    columns: dict[str, Any] = {
        "run": pa.array(positions.astype(np.int32)[values["target"].to_numpy()]),
        "attribute": pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), catalog.names_of(used)),
        "value": arrow_values(catalog, attribute_type, values["value"]),
    }
    schema = values_schema(attribute_type)
    for name in schema.names[3:]:
        columns[name] = values[name].to_arrow()
    return pa.table(columns, schema=schema)


def arrow_values(catalog: Catalog, attribute_type: str, values: pl.Series) -> pa.Array:
    """Values of `attribute_values` in the Arrow type of their kind (``VALUE_TYPES``)."""
    if attribute_type in ("file", "file_series"):
        return describe(catalog.payloads, values)
    return values.to_arrow().cast(VALUE_TYPES[attribute_type])


@dataclass
class CatalogColumns:
    """Implements `neptune_frames.query.evaluation.Columns` for the runs of a catalog, by number."""

    catalog: Catalog

    def __post_init__(self) -> None:
        self._computed: OrderedDict[tuple[str, str], pl.DataFrame] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def run_count(self) -> int:
        return self.catalog.run_count

    def types_of(self, name: str) -> tuple[str, ...]:
        if name == _STATE:
            return ("experiment_state",)
        code = int(self.catalog.attribute_codes([name])[0])
        return self.catalog.types_of(code) if code >= 0 else ()

    def column(self, name: str, type: str, aggregation: str | None) -> tuple[npt.NDArray[np.int32], pa.Array]:
        if name == _STATE and type == "experiment_state":
            return np.arange(self.run_count, dtype=np.int32), pa.repeat("inactive", self.run_count)
        code = self.catalog.attribute_codes([name])
        if code[0] < 0 or type not in VALUE_COLUMNS:
            return np.empty(0, dtype=np.int32), pa.array([], VALUE_TYPES.get(type, pa.null()))
        rows = self._rows(name, type, code)
        runs = rows["target"].to_numpy().astype(np.int32, copy=False)
        if aggregation in FLOAT_SERIES_STATISTICS and type == FLOAT_SERIES:
            return runs, rows[aggregation].to_arrow()
        return runs, arrow_values(self.catalog, type, rows["value"])

    def _rows(self, name: str, attribute_type: str, code: npt.NDArray[np.int32]) -> pl.DataFrame:
        everyone = np.arange(self.run_count, dtype=np.int64)
        if attribute_type not in SERIES_TYPES:
            return attribute_values(self.catalog, attribute_type, everyone, code)
        return self._kept(
            (name, attribute_type), lambda: attribute_values(self.catalog, attribute_type, everyone, code)
        )

    def _kept(self, key: tuple[str, str], compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        with self._lock:
            if key in self._computed:
                self._computed.move_to_end(key)
                return self._computed[key]
        rows = compute()
        with self._lock:
            self._computed[key] = rows
            if len(self._computed) > _KEPT_COLUMNS:
                self._computed.popitem(last=False)
        return rows


def _float_summaries(catalog: Catalog, runs: npt.NDArray[np.int64], attributes: npt.NDArray[np.int32]) -> pl.DataFrame:
    stored = _stored_summaries(catalog, runs, attributes)
    if stored is not None:
        return stored
    request = SeriesRequest(catalog, FLOAT_SERIES, runs, attributes, SeriesOptions())
    parts = stretches(request)
    columns = ["target", "attribute", *_SUMMARY]
    if not parts.height:
        dtypes = dict.fromkeys(_SUMMARY, pl.Float64)
        return _named(pl.DataFrame(schema={"target": pl.Int64, "attribute": pl.Int32, **dtypes}))
    key = (parts["target"].to_numpy() << 32) | parts["attribute"].to_numpy()
    _, number, times = np.unique(key, return_inverse=True, return_counts=True)
    # A stretch that ends at or before its limit is the whole stored series, whoever holds it.
    whole = (times[number] == 1) & (parts["last_step"].to_numpy() <= parts["limit"].to_numpy())
    split = pl.Series(whole)
    summaries = [parts.filter(split).select(columns)]
    pairs = parts.filter(~split).select("target", "attribute").unique()
    if pairs.height:
        joined = SeriesRequest(catalog, FLOAT_SERIES, runs, attributes, SeriesOptions(), pairs)
        for points in read_series(joined, ["value"]):
            values = points.column("value").fill_null(np.nan).to_numpy()
            statistics = series_statistics(points.offsets, points.steps, values)
            summaries.append(
                pl.DataFrame({"target": points.target, "attribute": points.attribute, **statistics}).select(columns)
            )
    return _named(pl.concat(summaries).sort("attribute", "target"))


def _stored_summaries(
    catalog: Catalog, runs: npt.NDArray[np.int64], attributes: npt.NDArray[np.int32]
) -> pl.DataFrame | None:
    """Summaries as the inventory has them; None where some have to be computed: series that are inherited or cut."""
    if FLOAT_SERIES not in catalog.inventory.tables or catalog.lineage.inherits(runs, SeriesOptions()):
        return None
    target_of = np.full(catalog.run_count, -1, dtype=np.int64)
    target_of[runs] = np.arange(len(runs))
    rows = catalog.rows(FLOAT_SERIES, attributes)
    run, attribute = rows["run"].to_numpy(), rows["attribute"].to_numpy()
    cut = ((run[1:] == run[:-1]) & (attribute[1:] == attribute[:-1])).any()
    if cut or np.bincount(runs, minlength=1).max() > 1:
        return None
    target = target_of.take(run)
    found = _named(rows[["attribute", *_SUMMARY]]).insert_column(0, pl.Series("target", target))
    return found if (target >= 0).all() else found.filter(pl.Series(target >= 0))


def _named(summaries: pl.DataFrame) -> pl.DataFrame:
    return summaries.rename({"last": "value"})


def _last_objects(
    catalog: Catalog, attribute_type: str, runs: npt.NDArray[np.int64], attributes: npt.NDArray[np.int32]
) -> pl.DataFrame:
    request = SeriesRequest(catalog, attribute_type, runs, attributes, SeriesOptions(tail_limit=1))
    found = [
        pl.DataFrame({"target": points.target, "attribute": points.attribute, "last_step": points.steps}).with_columns(
            points.column("value")
        )
        for points in read_series(request, ["value"])
    ]
    if not found:
        return pl.DataFrame(
            schema={"target": pl.Int64, "attribute": pl.Int32, "last_step": pl.Float64, "value": pl.String}
        )
    return pl.concat(found).sort("attribute", "target")
