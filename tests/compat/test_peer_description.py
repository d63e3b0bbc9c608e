"""The comparison of answers can fail: frames that differ in one respect have different descriptions."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from compat.peer import describe, difference, run_call


def frame(**changes: Any) -> pd.DataFrame:
    cells: dict[str, Any] = {
        "number": [1.0, np.nan],
        "count": [1, 2],
        "text": ["a", "b"],
        "time": pd.to_datetime([datetime(2025, 1, 1, tzinfo=timezone.utc)] * 2).as_unit("us"),
        "tags": [{"x", "y"}, {"z"}],
    }
    index = pd.MultiIndex.from_arrays([["e", "e"], [0.0, 1.0]], names=["experiment", "step"])
    return pd.DataFrame({**cells, **changes}, index=index)


@pytest.mark.parametrize(
    "changed",
    [
        frame(number=[1.0, 0.0]),
        frame(number=[1.0, None]).astype({"number": object}),
        frame(count=[1.0, 2.0]),
        frame(count=[True, 2]),
        frame(text=["a", None]),
        frame().astype({"text": "category"}),
        frame(time=frame()["time"].dt.as_unit("ns").array),
        frame(time=frame()["time"].dt.tz_localize(None).array),
        frame(tags=[{"x"}, {"z"}]),
        frame(tags=[["x", "y"], {"z"}]),
        frame()[["count", "number", "text", "time", "tags"]],
        frame().iloc[::-1],
        frame().iloc[:1],
        frame().rename_axis(index={"step": "Step"}),
        frame().rename_axis(columns="attribute"),
        frame().reset_index("step", drop=True),
        frame().set_axis(pd.MultiIndex.from_arrays([["e", "e"], [0, 1]], names=["experiment", "step"])),
    ],
)
def test_changes_are_noticed(changed: pd.DataFrame) -> None:
    assert difference(describe(frame()), describe(changed)) is not None


def test_equal_frames_are_equal() -> None:
    assert difference(describe(frame()), describe(frame())) is None


def test_signs_of_zero_and_kinds_of_missing_differ() -> None:
    assert difference(describe(pd.DataFrame({"a": [0.0]})), describe(pd.DataFrame({"a": [-0.0]}))) is not None
    assert len({str(describe(missing)) for missing in (None, float("nan"), pd.NaT, pd.NA)}) == 4


def test_errors_are_described_with_their_bases() -> None:
    described = run_call("{}['a']", {})["result"]
    assert (described["class"], described["bases"]) == ("KeyError", ["LookupError", "Exception", "BaseException"])
