"""Runs in the environment of an official client: evaluates calls and says what came of them.

Started by `peer_process.PeerProcess`. Calls arrive as JSON lines on stdin, ``{"code", "variables"}``;
``code`` is one Python expression, evaluated in a namespace that `SETUP` prepared, or statements, if
``"execute"`` is true. Each answer is a pickle of plain values, preceded by its length in eight bytes.

`describe` is also imported by the tests, which describe our own result the same way and compare the two
descriptions. It therefore needs nothing but the standard library, numpy and pandas, in any version.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import os
import pickle
import struct
import sys
import warnings
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

SETUP = """
import datetime, itertools, math, pathlib
from datetime import timezone, timedelta
"""


def describe(value: Any) -> Any:
    """A result as plain values that can be compared and pickled: kinds, dtypes, names and order included."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return {
            "kind": "DataFrame",
            "index": _describe_index(value.index),
            "columns": _describe_index(value.columns),
            "dtypes": [str(dtype) for dtype in value.dtypes],
            "common_dtype": str(value.iloc[:0].to_numpy().dtype),
            "cells": [_describe_column(value.iloc[:, position]) for position in range(value.shape[1])],
        }
    if isinstance(value, pd.Series):
        return {"kind": "Series", "index": _describe_index(value.index), "cells": _describe_column(value)}
    if isinstance(value, (list, tuple)):
        return {"kind": type(value).__name__, "items": [describe(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"kind": "set", "items": sorted((describe(item) for item in value), key=repr)}
    if isinstance(value, Mapping):
        return {"kind": "dict", "items": [(describe(key), describe(item)) for key, item in value.items()]}
    if inspect.isgenerator(value):
        return {"kind": "iterator", "items": [describe(item) for item in value]}
    if isinstance(value, np.ndarray):
        return {"kind": "ndarray", "dtype": str(value.dtype), "items": [describe(item) for item in value]}
    return _describe_cell(value)


def difference(expected: Any, actual: Any, where: str = "result") -> str | None:
    """The first place where two descriptions differ, in words, or None."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in ("kind", *expected):
            if expected.get(key) != actual.get(key):
                found = difference(expected.get(key), actual.get(key), f"{where}.{key}")
                if found:
                    return found
        return None if expected.keys() == actual.keys() else f"{where}: {sorted(expected)} != {sorted(actual)}"
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        for position, (left, right) in enumerate(zip(expected, actual)):  # noqa: B905  (lengths are compared below)
            if left != right:
                return difference(left, right, f"{where}[{position}]")
        if len(expected) != len(actual):
            longer = expected if len(expected) > len(actual) else actual
            first = longer[min(len(expected), len(actual))]
            return f"{where}: {len(expected)} items expected, {len(actual)} found; the first without partner: {first!r}"
        return None
    if isinstance(expected, bytes) and isinstance(actual, bytes):
        return difference(
            [repr(cell) for cell in floats_of(expected)], [repr(cell) for cell in floats_of(actual)], where
        )
    return None if expected == actual else f"{where}: expected {expected!r}, found {actual!r}"


def describe_error(error: BaseException) -> dict[str, Any]:
    """The class of an error, the names of its bases, and its text."""
    return {
        "kind": "error",
        "class": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__[1:-1]],
        "message": str(error),
    }


def run_call(code: str, namespace: dict[str, Any], *, execute: bool = False) -> dict[str, Any]:
    """Evaluate one call: ``{"result": description, "warnings": [(class name, text)]}``."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if execute:
                exec(code, namespace)
                result = None
            else:
                result = eval(code, namespace)
            described = describe(result)
        except Exception as error:
            described = describe_error(error)
    return {
        "result": described,
        "warnings": [(warning.category.__name__, str(warning.message)) for warning in caught],
    }


def _describe_index(index: Any) -> dict[str, Any]:
    import pandas as pd

    dtypes = [str(index.get_level_values(level).dtype) for level in range(index.nlevels)]
    described = {
        "kind": type(index).__name__,
        "names": list(index.names),
        "dtypes": dtypes,
        "items": [_describe_label(label) for label in index],
    }
    if isinstance(index, pd.MultiIndex):
        described["levels"] = [[str(level.dtype), *map(_describe_label, level)] for level in index.levels]
        described["codes"] = [codes.tolist() for codes in index.codes]
    return described


def _describe_label(label: Any) -> Any:
    return tuple(_describe_cell(part) for part in label) if isinstance(label, tuple) else _describe_cell(label)


def _describe_column(column: Any) -> Any:
    """Cells of one dtype: floats as bytes (`floats_of` reads them), ints and times as ints, the rest one by one."""
    import numpy as np

    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else None
    if kind == "f":
        # One pattern for every nan, so that equal bytes mean equal cells; 0.0 and -0.0 stay apart.
        values = column.to_numpy().astype("<f8")
        values[np.isnan(values)] = np.nan
        return values.tobytes()
    if kind in ("i", "u", "b"):
        return column.to_numpy().tolist()
    if str(column.dtype).startswith("datetime64"):
        return column.astype("int64").tolist()
    return [describe(cell) for cell in column]


def floats_of(cells: bytes) -> list[float]:
    """The cells of a described float column."""
    return [number for (number,) in struct.iter_unpack("<d", cells)]


def _describe_cell(value: Any) -> Any:
    """Scalars keep their kind, so that 1, 1.0, True and "1" differ; numpy's count as Python's."""
    import numpy as np
    import pandas as pd

    if value is None:
        return ("None",)
    if value is pd.NA:
        return ("NA",)
    if value is pd.NaT:
        return ("NaT",)
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int):
        return ("int", value)
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else repr(value))
    if isinstance(value, str):
        return ("str", str(value))
    if isinstance(value, pd.Interval):
        return ("Interval", *map(_describe_exactly, (value.left, value.right)), value.closed)
    if isinstance(value, datetime):
        return (type(value).__name__, value.isoformat(), str(value.tzinfo))
    if isinstance(value, date):
        return ("date", value.isoformat())
    if isinstance(value, PurePath):
        return ("path", str(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    return (type(value).__name__, repr(value))


def _describe_exactly(number: Any) -> Any:
    """A number with its class: numpy's have methods that Python's lack."""
    return (type(number).__name__, _describe_cell(number))


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a client prints must not end up between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    namespace: dict[str, Any] = {}
    exec(SETUP, namespace)
    for line in sys.stdin:
        call = json.loads(line)
        namespace.update(call.get("variables") or {})
        answer = pickle.dumps(run_call(call["code"], namespace, execute=bool(call.get("execute"))))
        answers.write(len(answer).to_bytes(8, "big") + answer)
        answers.flush()


if __name__ == "__main__":
    main()
