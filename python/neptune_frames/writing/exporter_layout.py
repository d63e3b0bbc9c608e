"""Writing runs in the layout of neptune-exporter, one run at a time, from whole columns.

>>> import tempfile
>>> from pathlib import Path
>>> with tempfile.TemporaryDirectory() as root:
...     rows = [parameter_rows({"sys/name": "first", "lr": 0.1}), float_series_rows({"loss": ([0, 1], [3.0, 2.5])})]
...     [path.name for path in write_run(Path(root) / "data", "ws/proj", "run-1", rows)]
['run-1-26b88ecaac29b387_part_0.parquet']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import TIMESTAMP
from neptune_frames.sources.archive.layout import (
    EXPORT_SCHEMA,
    MICROSTEPS,
    STEP_TYPE,
    VALUE_COLUMNS,
    encoded_name,
    exporter_part_name,
)
from neptune_frames.writing.durable import sync_directory, sync_file

#: A part that has grown beyond this many bytes is closed before the next batch (section 3).
PART_BYTES = 50 * 1024 * 1024
_STEP_LIMIT = 1e12
_MOST_MICROS = 10**18 - 1

#: Steps, values and, optionally, timestamps of one series (three columns of equal length).
SeriesColumns = tuple[Any, ...]


def parameter_rows(parameters: Mapping[str | tuple[str, str], Any]) -> pa.Table:
    """Rows of single values, ordered as the exporter orders them.

    Keys are paths, or (path, type) where the type does not follow from the value; a None value with a
    type gives the padding row of an attribute that the run lacks. A file's value is its payload path.
    """
    typed = {
        (key if isinstance(key, tuple) else (key, _type_of(key, value))): value for key, value in parameters.items()
    }
    keys = sorted(typed, key=":".join)
    types = [attribute_type for _, attribute_type in keys]
    columns: dict[str, list[Any]] = {VALUE_COLUMNS[kind]: [None] * len(keys) for kind in set(types)}
    for row, (key, kind) in enumerate(zip(keys, types, strict=True)):
        columns[VALUE_COLUMNS[kind]][row] = _stored(typed[key], kind)
    return export_rows({"attribute_path": [path for path, _ in keys], "attribute_type": types, **columns}, len(keys))


def float_series_rows(series: Mapping[str, SeriesColumns]) -> pa.Table:
    """Rows of float series: ``{path: (steps, values)}`` or ``{path: (steps, values, timestamps)}``.

    NaN is written as null, as the exporter writes it.
    """
    values = [pa.array(np.asarray(columns[1], dtype=np.float64), from_pandas=True) for columns in series.values()]
    return _series_rows(series, FLOAT_SERIES, values)


def object_series_rows(series: Mapping[str, SeriesColumns], attribute_type: str) -> pa.Table:
    """Rows of string, histogram or file series (file values are payload paths)."""
    field = EXPORT_SCHEMA.field(VALUE_COLUMNS[attribute_type])
    values = [
        pa.array([_stored(value, attribute_type) for value in columns[1]], type=field.type)
        for columns in series.values()
    ]
    return _series_rows(series, attribute_type, values)


class Continued(NamedTuple):
    """Rows that belong into the part of the batch before them: a series stays in one part (section 3)."""

    rows: pa.Table


def write_run(
    data: Path,
    project: str,
    run_id: str,
    batches: Iterable[pa.Table | Continued],
    *,
    part_bytes: int = PART_BYTES,
    durable: bool = False,
) -> list[Path]:
    """Write one run: a row group per batch, parts named and completed as the exporter does.

    Nothing is visible before everything was written; part 0, which marks the run as complete, comes
    last. ``durable`` waits until the disk has it all, but for the name of part 0, which several runs may
    wait for together (`sync_directory`). Returns the paths of the parts.
    """
    directory = data / encoded_name(project)
    directory.mkdir(parents=True, exist_ok=True)
    targets: list[Path] = []
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            rows = batch.rows if isinstance(batch, Continued) else batch
            if writer is not None and rows is batch and _aside(targets[-1]).stat().st_size > part_bytes:
                writer.close()
                writer = None
            if writer is None:
                targets.append(directory / exporter_part_name(run_id, len(targets)))
                writer = pq.ParquetWriter(_aside(targets[-1]), EXPORT_SCHEMA, compression="snappy", version="2.6")
            writer.write_table(_of_run(rows, project, run_id))
    except BaseException:
        if writer is not None:
            writer.close()
        for target in targets:
            _aside(target).unlink(missing_ok=True)
        raise
    if writer is not None:
        writer.close()
    if durable:
        for target in targets:
            sync_file(_aside(target))
    for target in targets[:0:-1]:
        _aside(target).replace(target)
    if durable and len(targets) > 1:
        # The disk may take up names in another order than they were given.
        sync_directory(directory)
    for target in targets[:1]:
        _aside(target).replace(target)
    return targets


def write_payload(files: Path, project: str, path: str, content: bytes) -> Path:
    """Write the payload of a file attribute to its place below ``files``."""
    target = files / encoded_name(project) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    _aside(target).write_bytes(content)
    return _aside(target).replace(target)


def decimal_steps(steps: npt.ArrayLike) -> pa.Array:
    """Steps as decimals, in millionths (`microsteps`).

    >>> decimal_steps([0.1 + 0.2, 5e-7]).to_pylist()
    [Decimal('0.300000'), Decimal('0.000000')]
    """
    return decimals_of(microsteps(steps))


def decimals_of(micros: npt.NDArray[np.int64]) -> pa.Array:
    """Numbers of millionths as decimals."""
    words = np.stack([micros, micros >> 63], axis=1)
    return pa.Array.from_buffers(STEP_TYPE, len(micros), [None, pa.py_buffer(words)])


def microsteps(steps: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Steps in millionths: the exact binary value rounded half-even (section 7).

    1e12 itself becomes the largest step there is, 999999999999.999999, of which it is the float64.
    """
    exact = np.asarray(steps, dtype=np.float64)
    if not (np.abs(exact) <= _STEP_LIMIT).all():
        raise ValueError("a step must be a number between -1e12 and 1e12")
    whole = np.floor(exact)
    fraction = exact - whole
    scaled = fraction * MICROSTEPS
    nearest = np.rint(scaled)
    # A product that looks like a tie may have been rounded to it: decide by the exact remainder.
    tie = np.flatnonzero(np.abs(scaled - np.floor(scaled)) == 0.5)
    remainder = _product_error(fraction[tie], float(MICROSTEPS), scaled[tie])
    nearest[tie] = np.where(
        remainder == 0, nearest[tie], np.where(remainder > 0, np.ceil(scaled[tie]), np.floor(scaled[tie]))
    )
    return np.clip(whole.astype(np.int64) * MICROSTEPS + nearest.astype(np.int64), -_MOST_MICROS, _MOST_MICROS)


def _product_error(a: npt.NDArray[np.float64], b: float, product: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``a * b - product``, exactly (Dekker's product)."""
    splitter = 134217729.0
    a_high = a * splitter - (a * splitter - a)
    b_high = b * splitter - (b * splitter - b)
    a_low, b_low = a - a_high, b - b_high
    error: npt.NDArray[np.float64] = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return error


def _series_rows(series: Mapping[str, SeriesColumns], attribute_type: str, values: Sequence[pa.Array]) -> pa.Table:
    """Points by step and then by path, as the exporter interleaves them."""
    lengths = [len(columns[0]) for columns in series.values()]
    total = sum(lengths)
    if not total:
        return export_rows({}, 0)
    steps = np.concatenate([np.asarray(columns[0], dtype=np.float64) for columns in series.values()])
    paths = pa.array(list(series), pa.string()).take(pa.array(np.repeat(np.arange(len(series)), lengths)))
    times = pa.chunked_array(
        [
            pa.array(columns[2]).cast(TIMESTAMP) if len(columns) > 2 else pa.array(np.arange(length), TIMESTAMP)
            for columns, length in zip(series.values(), lengths, strict=True)
        ]
    )
    table = export_rows(
        {
            "attribute_path": paths,
            "attribute_type": pa.repeat(attribute_type, total),
            "step": decimal_steps(steps),
            "timestamp": times,
            VALUE_COLUMNS[attribute_type]: pa.chunked_array(values),
        },
        total,
    )
    return table.take(pa.array(np.argsort(steps, kind="stable")))


def export_rows(columns: Mapping[str, Any], count: int) -> pa.Table:
    """A table in EXPORT_SCHEMA, null where no column is given."""
    return pa.table(
        [
            columns[field.name]
            if isinstance(columns.get(field.name), (pa.Array, pa.ChunkedArray))
            else pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(count, field.type)
            for field in EXPORT_SCHEMA
        ],
        schema=EXPORT_SCHEMA,
    )


def _of_run(rows: pa.Table, project: str, run_id: str) -> pa.Table:
    for column, identifier in (("project_id", project), ("run_id", run_id)):
        position = EXPORT_SCHEMA.get_field_index(column)
        rows = rows.set_column(position, EXPORT_SCHEMA.field(column), pa.repeat(identifier, rows.num_rows))
    return rows


def _type_of(path: str, value: Any) -> str:
    for python_type, name in (
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (str, "string"),
        (datetime, "datetime"),
        ((set, frozenset, list, tuple), "string_set"),
    ):
        if isinstance(value, python_type):
            return name
    raise TypeError(f"the type of {path!r} does not follow from {type(value).__name__}: give (path, type) as key")


def _stored(value: Any, attribute_type: str) -> Any:
    if value is None:
        return None
    if attribute_type in ("file", "file_series"):
        return {"path": value}
    if attribute_type == "string_set":
        return list(value)
    if attribute_type == "float" and value != value:
        return None
    return value


def _aside(target: Path) -> Path:
    return target.with_name(target.name + ".tmp")
