"""The comparison of results itself: equal things are equal, everything else is told apart. Needs no official client."""

from __future__ import annotations

import dataclasses
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from compat.peer import describe, difference, run_call
from compat.peer_process import PeerError, PeerProcess


@dataclasses.dataclass
class Thing:
    path: str
    size: int


def frame(**changes: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {"a": [1.0, np.nan], "b": ["x", None], "c": [1, 2]}
    return pd.DataFrame({**columns, **changes}, index=pd.Index(["r1", "r2"], name="run"))


SAME: list[Any] = [
    None,
    1,
    1.5,
    float("nan"),
    "text",
    True,
    [1, "a"],
    {"k": [1]},
    {1, 2},
    datetime(2025, 1, 1, tzinfo=timezone.utc),
    Path("a/b"),
    pd.NA,
    pd.NaT,
    Thing("p", 1),
    frame(),
    frame(t=pd.to_datetime(["2025-01-01", None], utc=True)),
    frame(i=pd.array([1, None], dtype="Int64")),
    pd.DataFrame({("m", "x"): [1.0]}, index=pd.IntervalIndex.from_tuples([(0.0, 1.0)])),
]


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_equal_things_have_equal_descriptions(value: Any) -> None:
    assert difference(describe(value), describe(value)) is None


DIFFERENT: list[tuple[Any, Any]] = [
    (1, 1.0),
    (1, True),
    (1, "1"),
    (0.0, -0.0),
    (None, pd.NA),
    (pd.NaT, float("nan")),
    ([1], (1,)),
    ([1, 2], [1]),
    (frame(), frame(a=[1.0, 2.0])),
    (frame(), frame(c=[1.0, 2.0])),
    (frame(), frame(c=["1", "2"])),
    (frame(), frame(extra=[1, 2])),
    (frame(), frame()[["b", "a", "c"]]),
    (frame(), frame().iloc[::-1]),
    (frame(), frame().rename_axis("other")),
    (frame(), frame().rename_axis("names", axis=1)),
    (frame(), frame().astype({"c": "int32"})),
    (frame(b=["x", None]), frame(b=["x", float("nan")]).astype({"b": object})),
    (Thing("p", 1), Thing("p", 2)),
    (datetime(2025, 1, 1), datetime(2025, 1, 1, tzinfo=timezone.utc)),
]


@pytest.mark.parametrize(("left", "right"), DIFFERENT, ids=repr)
def test_different_things_are_told_apart(left: Any, right: Any) -> None:
    assert difference(describe(left), describe(right)) is not None
    assert difference(describe(right), describe(left)) is not None


def test_difference_names_the_place() -> None:
    found = difference(describe(frame()), describe(frame(b=["x", "y"])))
    assert found is not None
    assert "cells[1][1]" in found


def test_errors_and_warnings_are_results() -> None:
    answer = run_call("int('x')", {})
    assert answer["result"]["class"] == "ValueError"
    assert "Exception" in answer["result"]["bases"]
    namespace = {"warn": __import__("warnings").warn}
    assert run_call("warn('careful')", namespace)["warnings"] == [("UserWarning", "careful")]


def test_process_keeps_its_namespace_and_its_output_apart() -> None:
    with PeerProcess(Path(sys.executable), setup="import json\ncount = 1") as peer:
        assert peer.call("print('noise') or count + extra", extra=2)["result"] == ("int", 3)
        peer.execute("count = 10")
        assert peer.call("[count, math.pi > 3]")["result"]["items"] == [("int", 10), ("bool", True)]
        with pytest.raises(PeerError, match="NameError"):
            peer.execute("unknown")


def test_a_dead_process_is_an_error() -> None:
    with PeerProcess(Path(sys.executable)) as peer, pytest.raises(PeerError, match="ended"):
        peer.call("__import__('os')._exit(1)")
    with pytest.raises(PeerError, match="setup"):
        PeerProcess(Path(sys.executable), setup="import no_such_module")
