"""The Polars types of our Arrow schemas."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from neptune_frames.schemas import VALUE_TYPES


def polars_type(arrow_type: pa.DataType) -> pl.DataType:
    """What Polars makes of an Arrow type.

    Example:
        >>> polars_type(pa.list_(pa.string()))
        List(String)
    """
    return pl.Series(pa.array([], arrow_type)).dtype


def value_type(attribute_type: str) -> pl.DataType:
    """The type of a column of values of one attribute type.

    Example:
        >>> value_type("datetime")
        Datetime(time_unit='ms', time_zone='UTC')
    """
    return polars_type(VALUE_TYPES[attribute_type])
