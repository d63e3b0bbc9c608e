"""What neptune-exporter does to float series, measured; run with an interpreter that has its dependencies.

neptune-exporter 0.1.0 is not on PyPI. Its conversion is rebuilt here from the operations it applies (public
source, neptune-ai/neptune-exporter): for each group of 16 runs it fetches one wide frame with neptune-query,
stacks the attributes, makes a Decimal of every step, builds an Arrow batch of 14 columns from the frame,
filters that batch once per run, and writes each run's rows with snappy. Prints one JSON line: CPU and wall
seconds of fetching and of converting, and the number of points.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import neptune_query.runs as nq_runs
from neptune_query.filters import AttributeFilter

RUNS_AT_ONCE = 16
_MILLIONTH = Decimal("1.000000")
_TIME = pa.timestamp("ms", tz="UTC")
_TYPES = {
    "project_id": pa.string(),
    "run_id": pa.string(),
    "attribute_path": pa.string(),
    "attribute_type": pa.string(),
    "step": pa.decimal128(18, 6),
    "timestamp": _TIME,
    "int_value": pa.int64(),
    "float_value": pa.float64(),
    "string_value": pa.string(),
    "bool_value": pa.bool_(),
    "datetime_value": _TIME,
    "string_set_value": pa.list_(pa.string()),
    "file_value": pa.struct([("path", pa.string())]),
    "histogram_value": pa.struct(
        [("type", pa.string()), ("edges", pa.list_(pa.float64())), ("values", pa.list_(pa.float64()))]
    ),
}
SCHEMA = pa.schema(list(_TYPES.items()))


def main() -> None:
    project, directory, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    runs = sorted(nq_runs.list_runs(project=project, runs=None))[:limit]
    spent = {"fetch_cpu": 0.0, "fetch_wall": 0.0, "convert_cpu": 0.0, "convert_wall": 0.0}
    points = 0
    for start in range(0, len(runs), RUNS_AT_ONCE):
        group = runs[start : start + RUNS_AT_ONCE]
        cpu, wall = time.process_time(), time.perf_counter()
        names = nq_runs.list_attributes(project=project, runs=group, attributes=AttributeFilter(type=["float_series"]))
        frame = nq_runs.fetch_metrics(
            project=project,
            runs=group,
            attributes=names,
            include_time="absolute",
            lineage_to_the_root=False,
        )
        spent["fetch_cpu"] += time.process_time() - cpu
        spent["fetch_wall"] += time.perf_counter() - wall
        cpu, wall = time.process_time(), time.perf_counter()
        batch = pa.RecordBatch.from_pandas(long_frame(frame, project), schema=SCHEMA)
        write_by_run(batch, directory)
        spent["convert_cpu"] += time.process_time() - cpu
        spent["convert_wall"] += time.perf_counter() - wall
        points += batch.num_rows
    print(json.dumps({**spent, "points": points, "runs": len(runs)}))


def long_frame(wide: pd.DataFrame, project: str) -> pd.DataFrame:
    """A row per point, with all columns of the layout."""
    stacked = wide.stack(0, future_stack=True)
    stacked.index.names = ["run", "step", "attribute"]
    rows = stacked.reset_index().dropna(subset=["absolute_time", "value"], how="all")
    columns: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    columns |= {"project_id": project, "attribute_type": "float_series"}
    columns |= {"run_id": rows["run"], "attribute_path": rows["attribute"]}
    columns |= {"timestamp": rows["absolute_time"], "float_value": rows["value"]}
    columns["step"] = rows["step"].map(lambda step: Decimal(step).quantize(_MILLIONTH) if pd.notna(step) else None)
    return pd.DataFrame(columns)


def write_by_run(batch: pa.RecordBatch, directory: Path) -> None:
    """One file per run."""
    directory.mkdir(parents=True, exist_ok=True)
    run_ids = batch.column("run_id")
    for run in run_ids.unique().to_pylist():
        aside = directory / f"{run}_part_0.parquet.tmp"
        rows = batch.filter(pc.equal(run_ids, run))
        with pq.ParquetWriter(aside, rows.schema, compression="snappy") as writer:
            writer.write_batch(rows)
        aside.rename(aside.with_suffix(""))


if __name__ == "__main__":
    main()
