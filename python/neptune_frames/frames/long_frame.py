"""What a long frame of points is, for functions that take one from anywhere: a scan, a file, a user's own query."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import polars as pl

from neptune_frames.frames.metrics import MetricsResult
from neptune_frames.query.selection import ContainerKind
from neptune_frames.schemas import POINT_PREVIEW, POINT_TIME, STEP

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    from neptune_frames.frames.table_exports import ArrowStream

    #: What users may pass as a frame: a Polars frame, lazy or not; a result of this package, such as `MetricsResult`;
    #: or anything that gives an Arrow stream, such as a pyarrow table or a pandas frame.
    AnyFrame: TypeAlias = pl.LazyFrame | pl.DataFrame | ArrowStream

PROJECT = "project"
ATTRIBUTE = "attribute"
VALUE = "value"

#: Columns that say something about a point beside its value.
POINT_DETAILS = (POINT_TIME.name, *(field.name for field in POINT_PREVIEW))

LABELS = tuple(kind.value for kind in ContainerKind)


@dataclass(frozen=True)
class LongFrame:
    """A long frame, with its columns checked: one row per point.

    Attributes:
        lazy: The frame.
        schema: Its columns and their types.
        labels: The columns that say whose point it is: ``experiment``, ``run``, or both. Several runs may have one
            experiment, so a frame with both is one of runs.
    """

    lazy: pl.LazyFrame
    schema: pl.Schema
    labels: tuple[str, ...]

    @classmethod
    def of(cls, frame: AnyFrame, function: str, *, needs_label: bool = True) -> LongFrame:
        """The frame, if it is one.

        Args:
            frame: What the user passed.
            function: Who asks; part of the messages.
            needs_label: Whether a frame without a label is refused.

        Raises:
            TypeError: It is not a frame.
            ValueError: It lacks a column.
        """
        lazy = as_lazy(frame, function)
        schema = lazy.collect_schema()
        labels = tuple(name for name in LABELS if name in schema)
        missing = [name for name in (ATTRIBUTE, STEP.name) if name not in schema]
        if needs_label and not labels:
            missing.insert(0, " or ".join(LABELS))
        if missing:
            raise ValueError(
                f"{function} takes a long frame, a row per point, as nf.scan_metrics(...) or "
                f"nf.fetch_metrics(...).long() give. This one has no column {', no column '.join(missing)}; "
                f"its columns are {list(schema)}.{_how_to_make_it_long(schema, labels)}"
            )
        return cls(lazy, schema, labels)


def require_columns(schema: pl.Schema, columns: Iterable[str], function: str) -> None:
    """See that a frame has the columns.

    Raises:
        ValueError: It lacks one.
    """
    missing = next((name for name in columns if name not in schema), None)
    if missing is not None:
        close = get_close_matches(missing, list(schema), 1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{function}: the frame has no column {missing!r}; its columns are {list(schema)}.{meant}")


def as_lazy(frame: AnyFrame, function: str) -> pl.LazyFrame:
    """A frame as a lazy Polars one.

    Raises:
        TypeError: It is none.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if isinstance(frame, MetricsResult):
        return frame.long()
    pandas = sys.modules.get("pandas")  # a frame of it can only be here if it is loaded
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return _of_pandas(frame, function).lazy()
    if hasattr(frame, "__arrow_c_stream__"):
        return pl.DataFrame(frame).lazy()
    raise TypeError(
        f"{function} takes a Polars frame, lazy or not, or what gives an Arrow stream of one (a result, a pyarrow "
        f"table, a pandas frame), got {type(frame).__name__}."
    )


def _of_pandas(frame: pd.DataFrame, function: str) -> pl.DataFrame:
    """A pandas frame with what is in its index, such as the label and step of `neptune_query.fetch_metrics`."""
    if frame.columns.nlevels > 1:
        raise ValueError(
            f"{function} takes a frame with one level of column names; this one has {frame.columns.nlevels}. Of a "
            'frame with times or previews, pass the values: frame.xs("value", axis="columns", level=1).'
        )
    named = [name for name in frame.index.names if name is not None]
    return pl.DataFrame(frame.reset_index(named) if named else frame)


def _how_to_make_it_long(schema: pl.Schema, labels: Sequence[str]) -> str:
    """What to do with a wide frame."""
    if not labels or STEP.name not in schema or ATTRIBUTE in schema:
        return ""
    index = [name for name in (PROJECT, *labels, STEP.name) if name in schema]
    return f" Make a wide frame long with frame.unpivot(index={index}, variable_name={ATTRIBUTE!r})."


def as_names(value: str | Sequence[str], parameter: str) -> list[str]:
    """A name or several, as a list without repeats.

    Raises:
        TypeError: There is something else among them, or instead of them.
    """
    names = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    strange = next(((name,) for name in names if not isinstance(name, str)), None)
    if strange is not None:
        raise TypeError(
            f"{parameter} must be a string or a list of strings, got {strange[0]!r} ({type(strange[0]).__name__})."
        )
    return list(dict.fromkeys(names))
