"""Reading rows of many part files at once, whatever accepted physical types they use.

Polars reads the files and prunes columns and row groups; here the columns are brought to the types
of `EXPORT_SCHEMA` (section 13 lists the accepted variants) and a damaged file is named.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from neptune_frames.errors import DamagedFileError
from neptune_frames.sources.archive.layout import EXPORT_SCHEMA, MICROSTEPS

#: The column of file paths that `read_rows` adds on request.
FILE_COLUMN = "__file__"

_DTYPES: pl.Schema = pl.from_arrow(EXPORT_SCHEMA.empty_table()).schema  # type: ignore[union-attr]
_EXACT_MICROSTEPS = 2**53
_STEP_LIMIT = 999_999_999_999.0
_REQUIRED = frozenset(("project_id", "run_id", "attribute_path", "attribute_type"))
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)

#: Lowest and highest step, both included; infinite where open.
StepRange = tuple[float, float]
ANY_STEP: StepRange = (-math.inf, math.inf)
#: Earliest and latest time in milliseconds since 1970, both included; None where open.
TimeRange = tuple[int | None, int | None]
ANY_TIME: TimeRange = (None, None)


def are_within(stamps: pl.Series, times: TimeRange) -> npt.NDArray[np.bool_]:
    """Which of the stamps are in a range with a bound; null is in none.

    >>> stamps = pl.Series([1, None, 3]).cast(pl.Datetime("ms", "UTC"))
    >>> are_within(stamps, (2, None)).tolist()
    [False, False, True]
    """
    low, high = (-math.inf if times[0] is None else times[0]), (math.inf if times[1] is None else times[1])
    return stamps.dt.epoch("ms").is_between(low, high).fill_null(False).to_numpy()


@dataclass(frozen=True)
class _Request:
    columns: Sequence[str | pl.Expr]
    predicate: pl.Expr
    steps: StepRange
    times: TimeRange
    with_file: bool


def read_rows(
    files: Sequence[str],
    columns: Sequence[str | pl.Expr],
    predicate: pl.Expr,
    *,
    steps: StepRange = ANY_STEP,
    times: TimeRange = ANY_TIME,
    with_file: bool = False,
) -> pl.DataFrame:
    """The rows of ``files`` that satisfy ``predicate``, file by file, in the order they are stored.

    Args:
        files: Paths of part files.
        columns: Names from `EXPORT_SCHEMA`, or expressions over them; a column that a file lacks reads as null.
        predicate: A condition on columns of `EXPORT_SCHEMA`; narrow ones on the attribute's type, path
            let Polars skip row groups.
        steps: Narrows the rows to those whose step can lie in this range, some millionths more or less.
        times: Narrows the rows to those of these times; where it is bounded, no time is null.
        with_file: Whether to add the column `FILE_COLUMN`, the path of each row's file.

    ``step`` keeps its stored type, see `steps_of`. Raises `DamagedFileError`.
    """
    if not files:
        return pl.DataFrame(schema=_DTYPES).select(*columns)
    request = _Request(columns, predicate, steps, times, with_file)
    try:
        return _read_alike(files, request)
    except _UNREADABLE:
        return _read_by_schema(files, request)


def steps_of(column: pl.Series) -> npt.NDArray[np.float64]:
    """Steps as float64: decimals correctly rounded, floats as they are; null is NaN.

    >>> steps_of(pl.Series(["0.3", "999999999999.999999"]).str.to_decimal(scale=6)).tolist()
    [0.3, 1000000000000.0]
    """
    if not column.dtype.is_decimal():
        return column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if column.null_count():
        steps = np.full(len(column), np.nan)
        valid = column.is_not_null().to_numpy()
        steps[valid] = steps_of(column.drop_nulls())
        return steps
    try:
        exact = column if column.dtype == _DTYPES["step"] else column.cast(pl.Decimal(38, 6))
        micros = exact.to_physical().cast(pl.Int64).to_numpy()
    except pl.exceptions.InvalidOperationError:
        # Other writers may store more digits than there are in 64 bits.
        return column.cast(pl.Float64).to_numpy()
    steps = micros / MICROSTEPS
    # Beyond 2**53 the numerator is not exact any more: the whole and the fraction are, and so is their rounded sum.
    large = np.flatnonzero(np.abs(micros) >= _EXACT_MICROSTEPS)
    if len(large):
        whole, fraction = np.divmod(micros[large], MICROSTEPS)
        steps[large] = whole + fraction / MICROSTEPS
    return steps


def _read_alike(files: Sequence[str], request: _Request) -> pl.DataFrame:
    """One scan over files that share one schema."""
    added = FILE_COLUMN if request.with_file else None
    # Most columns are null for most rows: deciding by the predicate's columns first is worth it.
    rows = pl.scan_parquet(
        list(files), glob=False, hive_partitioning=False, include_file_paths=added, parallel="prefiltered"
    )
    stored = rows.collect_schema()
    missing = _REQUIRED.difference(stored)
    if missing:
        raise pl.exceptions.SchemaError(f"it has no column {', '.join(sorted(missing))}")
    odd = {name: _canonical(name, stored.get(name)) for name in _DTYPES if not _is_canonical(name, stored.get(name))}
    if odd:
        rows = rows.with_columns(**odd)
    rows = rows.filter(
        request.predicate, *_step_conditions(request.steps, stored.get("step")), *_time_conditions(request.times)
    )
    return rows.select(*request.columns, *([added] if added else [])).collect()


def _step_conditions(steps: StepRange, dtype: pl.DataType | None) -> list[pl.Expr]:
    """The range as conditions in the stored type, wide enough that rounding never loses a row."""
    literals: list[pl.Expr | None] = []
    for bound, margin in zip(steps, (-2, 2), strict=True):
        # What other writers store may lie beyond the limit: a bound out there excludes nothing.
        if not math.isfinite(bound) or dtype is None or bound * margin >= 2 * _STEP_LIMIT:
            literals.append(None)
        elif dtype.is_decimal():
            clipped = min(max(bound, -_STEP_LIMIT), _STEP_LIMIT)
            micros = int(Decimal(clipped) * MICROSTEPS) + margin * max(1, int(abs(clipped) / 1e9))
            literals.append(pl.lit(Decimal(micros) / MICROSTEPS, dtype=pl.Decimal(38, 6)))
        else:
            literals.append(pl.lit(bound))
    low, high = literals
    return [
        *([] if low is None else [pl.col("step") >= low]),
        *([] if high is None else [pl.col("step") <= high]),
    ]


def _time_conditions(times: TimeRange) -> list[pl.Expr]:
    column = pl.col("timestamp")
    low, high = (None if time is None else pl.lit(time).cast(_DTYPES["timestamp"]) for time in times)
    return [*([] if low is None else [column >= low]), *([] if high is None else [column <= high])]


def _is_canonical(name: str, dtype: pl.DataType | None) -> bool:
    if name == "step":
        return dtype is not None and (dtype.is_decimal() or dtype == pl.Float64)
    return dtype == _DTYPES[name]


def _canonical(name: str, dtype: pl.DataType | None) -> pl.Expr:
    """The column in its canonical type."""
    target = _DTYPES[name]
    if dtype is None or dtype == pl.Null:
        return pl.lit(None, dtype=target).alias(name)
    if name == "step":
        return pl.col(name).cast(pl.Float64)
    if isinstance(target, pl.Datetime) and isinstance(dtype, pl.Datetime):
        stamped = pl.col(name).dt.cast_time_unit("ms")
        return stamped.dt.convert_time_zone("UTC") if dtype.time_zone else stamped.dt.replace_time_zone("UTC")
    return pl.col(name).cast(target)


def _read_by_schema(files: Sequence[str], request: _Request) -> pl.DataFrame:
    """The slow road of `read_rows`: files of one schema at a time, so that a damaged one is found and named."""
    alike: dict[str, list[str]] = {}
    for file in files:
        alike.setdefault(_schema_text(file), []).append(file)
    frames = []
    for group in alike.values():
        frames.extend(_read_group(group, request))
    if "step" in request.columns:
        frames = [frame.with_columns(pl.Series("step", steps_of(frame["step"]))) for frame in frames]
    return pl.concat(frames)


def _read_group(files: Sequence[str], request: _Request) -> list[pl.DataFrame]:
    try:
        return [_read_alike(files, request)]
    except _UNREADABLE:
        return [_read_single(file, request) for file in files]


def _read_single(file: str, request: _Request) -> pl.DataFrame:
    try:
        return _read_alike([file], request)
    except _UNREADABLE as error:
        raise DamagedFileError(file, _first_line(error)) from error


def _schema_text(file: str) -> str:
    """The stored schema as a key; raises `DamagedFileError` where the footer cannot be read."""
    try:
        schema = pq.read_schema(file)
    except FileNotFoundError as error:
        raise DamagedFileError(file, "it disappeared while it was read") from error
    except (pa.ArrowException, OSError) as error:
        reason = "it is empty" if Path(file).stat().st_size == 0 else _first_line(error)
        raise DamagedFileError(file, reason) from error
    return str(schema.remove_metadata())


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
