"""What an archive holds of a project already: its runs, and how far their series go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.schemas import TIMESTAMP
from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTE_ROWS,
    ATTRIBUTES_DIRECTORY,
    PAYLOADS,
    PAYLOADS_FILE,
    RUNS_FILE,
    SERIES_DIRECTORY,
    Manifest,
    committed_batches,
    part_file,
    read_manifest,
)
from neptune_frames.sources.archive.grouping import Steps
from neptune_frames.writing.batch import Batch
from neptune_frames.writing.batch_files import attribute_rows
from neptune_frames.writing.collecting import SeriesOfType
from neptune_frames.writing.part_files import repeated_names
from neptune_frames.writing.point_store import Codes

#: What is kept of a series: its places in the tables of runs and of attributes, and where it ends.
_LAST_STEPS: dict[str, pl.DataType] = {"run_at": pl.UInt32(), "attribute_at": pl.UInt32(), "last_step": pl.Float64()}
_RUNS: dict[str, pl.DataType] = {"run": pl.String(), "modification_time": pl.Datetime("ms", "UTC")}


@dataclass(frozen=True)
class KnownRuns:
    """Whether the archive holds each of some runs, and when it was last modified as far as the archive knows."""

    held: pa.Array
    modification_time: pa.Array


@dataclass(frozen=True)
class HeldRuns:
    """The committed batches of a project.

    ``runs`` has each run once, as its latest batch has it: ``run``, ``modification_time`` and ``at``, the
    place of that batch in ``directories``.
    """

    manifests: tuple[Manifest, ...]
    directories: tuple[Path, ...]
    runs: pl.DataFrame

    @classmethod
    def read(cls, project: Path) -> HeldRuns:
        """What is there now. Raises `ArchiveError` where a manifest cannot be read."""
        batches = committed_batches(project)
        frames = [pl.DataFrame(schema=_RUNS | {"at": pl.Int32()})]
        for place, (_, path) in enumerate(batches):
            frame = pl.read_parquet(path / RUNS_FILE, columns=list(_RUNS), hive_partitioning=False)
            frames.append(frame.with_columns(at=pl.lit(place, pl.Int32)))
        runs = pl.concat(frames).unique("run", keep="last", maintain_order=True)
        return cls(tuple(read_manifest(path) for _, path in batches), tuple(path for _, path in batches), runs)

    def known(self, run_ids: pa.Array) -> KnownRuns:
        """Which of the runs are there."""
        asked = pl.DataFrame({"run": pl.Series(run_ids, dtype=pl.String)})
        held = self.runs.with_columns(held=True)
        found = asked.join(held, on="run", how="left", maintain_order="left")
        times = found["modification_time"].to_arrow().cast(TIMESTAMP)
        return KnownRuns(found["held"].fill_null(value=False).to_arrow(), times)

    def payloads(self) -> pl.DataFrame:
        """Those that were stored, as the latest batch has each: ``path``, ``bytes`` and ``sha256``."""
        files = [file for path in self.directories if (file := path / PAYLOADS_FILE).is_file()]
        schema = pl.DataFrame(PAYLOADS.empty_table())
        tables = [pl.read_parquet(file, columns=schema.columns, hive_partitioning=False) for file in files]
        return pl.concat([schema, *tables]).unique("path", keep="last").drop_nulls("bytes")

    def unchanged(self, batch: Batch) -> Codes:
        """Positions of the runs of a batch that bring no points, and no attribute that the archive has otherwise."""
        run_ids = batch.run_ids
        candidates = np.arange(len(run_ids))
        for store in batch.points.values():
            candidates = np.setdiff1d(candidates, store.runs)
        if not len(candidates):
            return candidates
        asked = pl.DataFrame({"run": pl.Series(run_ids.take(pa.array(candidates)), dtype=pl.String)})
        latest = asked.join(self.runs, on="run", how="left", maintain_order="left")
        stored = [
            pl.scan_parquet(file, hive_partitioning=False).filter(pl.col("run").is_in(runs["run"].implode()))
            for (place,), runs in latest.group_by("at")
            if place is not None and (file := part_file(self.directories[place], ATTRIBUTES_DIRECTORY, 0)).is_file()
        ]
        names = [field.name for field in ATTRIBUTE_ROWS]
        before = _digests(pl.concat(stored).select(names).collect() if stored else pl.DataFrame(schema=names))
        now = _digests(pl.concat([_frame(batch, kind) for kind in batch.values]).select(names))
        both = asked.join(before, on="run", how="left", maintain_order="left").join(
            now, on="run", how="left", maintain_order="left", suffix="_now"
        )
        same = (pl.col("rows") == pl.col("rows_now")) & (pl.col("digest") == pl.col("digest_now"))
        rows: Codes = candidates[both.select(same.fill_null(value=False)).to_series().to_numpy()]
        return rows


class HeldSteps:
    """How far the series of some runs go. Implements `neptune_frames.writing.collecting.StoredSteps`.

    What the archive says of them is read once, when it is first asked for.

    Args:
        held: The batches.
        runs: The ids of the runs, sorted; groups are asked for in their order.
    """

    def __init__(self, held: HeldRuns, runs: pa.ChunkedArray) -> None:
        self._held = held
        self._runs = pl.DataFrame({"run": pl.Series(runs, dtype=pl.String)}).with_row_index("run_at")

    def last_steps(self, run_ids: pa.Array, names: pa.Array, group: SeriesOfType) -> Steps:
        """The last step of each series of a group, -inf where the archive has no point of it."""
        runs = pl.DataFrame({"run": pl.Series(run_ids, dtype=pl.String)}).join(
            self._runs, on="run", how="left", maintain_order="left"
        )["run_at"]
        attributes = pl.DataFrame({"attribute": pl.Series(names, dtype=pl.String)}).join(
            self._attributes, on="attribute", how="left", maintain_order="left"
        )["attribute_at"]
        wanted = pl.DataFrame({"run_at": runs.gather(group.runs), "attribute_at": attributes.gather(group.attributes)})
        rows = self._of_runs(group.series_type, wanted["run_at"])
        found = wanted.join(rows, on=["run_at", "attribute_at"], how="left", maintain_order="left")
        return found["last_step"].fill_null(-np.inf).to_numpy()

    def _of_runs(self, series_type: str, runs: pl.Series) -> pl.DataFrame:
        """The series of the type, from the first to the last of the runs."""
        rows = self._last_steps.get(series_type)
        if rows is None or not len(runs):
            return pl.DataFrame(schema=_LAST_STEPS)
        asked = runs.to_numpy()
        start, stop = np.searchsorted(rows["run_at"].to_numpy(), [asked.min(), asked.max() + 1]).tolist()
        return rows.slice(start, stop - start)

    @cached_property
    def _attributes(self) -> pl.DataFrame:
        if not self._files:
            return pl.DataFrame(schema={"attribute_at": pl.UInt32, "attribute": pl.String})
        return self._stretches.select("attribute").unique().collect().with_row_index("attribute_at")

    @cached_property
    def _last_steps(self) -> dict[str, pl.DataFrame]:
        """By type, sorted by run: places of runs and attributes, and last steps. They take few bytes per series."""
        if not self._files:
            return {}
        rows = (
            self._stretches.group_by("run", "attribute", "type")
            .agg(pl.col("last_step").max())
            .join(self._runs.lazy(), on="run")
            .join(self._attributes.lazy(), on="attribute")
            .select("type", *_LAST_STEPS)
            .sort("run_at")
            .collect()
        )
        return {str(kind): of_type.drop("type") for (kind,), of_type in rows.group_by("type", maintain_order=True)}

    @property
    def _stretches(self) -> pl.LazyFrame:
        return pl.scan_parquet(self._files, hive_partitioning=False).join(self._runs.lazy(), on="run", how="semi")

    @cached_property
    def _files(self) -> list[Path]:
        return [file for path in self._held.directories if (file := part_file(path, SERIES_DIRECTORY, 0)).is_file()]


def _frame(batch: Batch, kind: str) -> pl.DataFrame:
    run, attribute, values = batch.values_of(kind)
    keys = repeated_names(batch.run_ids, run), repeated_names(batch.names, attribute)
    frame: pl.DataFrame = pl.from_arrow(attribute_rows(kind, *keys, values))  # type: ignore[assignment]
    return frame.with_columns(pl.col("run", "attribute", "type").cast(pl.String))


def _digests(rows: pl.DataFrame) -> pl.DataFrame:
    """How many rows each run has, and a number that depends on all of them but not on their order."""
    if not rows.height:
        return pl.DataFrame(schema={"run": pl.String, "rows": pl.UInt32, "digest": pl.UInt64})
    rows = rows.with_columns(pl.col("string_set_value").list.sort())
    return (
        rows.select("run", digest=rows.hash_rows())
        .group_by("run")
        .agg(pl.len().cast(pl.UInt32).alias("rows"), pl.col("digest").sum())
    )
