"""How often each warning is shown (neptune_query reference 7.3), and whose line it names."""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
import neptune_query as nq
from memory_source import MemorySource
from neptune_frames import warnings as own
from neptune_frames.frames.lazy_source import ScanPlan, scan_frames
from neptune_frames.sources import choose
from neptune_frames.sources.public_call import public_call
from neptune_frames.sources.remote.concurrency import fetch_ordered
from neptune_frames.sources.remote.unknown_types import warn_of_unknown_types
from neptune_frames.warnings import warn


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(own, "time", clock)
    monkeypatch.setattr(own, "_last_shown", {})
    monkeypatch.setattr(own, "_texts_shown", set())
    return clock


@pytest.fixture
def shown() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


def test_classes_are_siblings() -> None:
    classes = [
        own.AttributeWarning, own.ExperimentalWarning, own.Http429Warning, own.Http503Warning, own.Http5xxWarning,
        own.HttpOtherWarning,
    ]  # fmt: skip
    for one, other in itertools.permutations(classes, 2):
        assert issubclass(one, UserWarning)
        assert not issubclass(one, other)


@pytest.mark.parametrize("category", [own.Http429Warning, own.Http5xxWarning, own.HttpOtherWarning])
def test_throttled(category: type[Warning], clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    for seconds in (0, 0, 5, 14.9):
        clock.now += seconds
        warn(f"text at {clock.now}", category)
    assert [str(each.message) for each in shown] == ["text at 1000.0"]
    clock.now = 1020.0
    warn("later", category)
    warn("later", category)
    assert [str(each.message) for each in shown] == ["text at 1000.0", "later"]


def test_throttles_are_independent(clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    for category in (own.Http429Warning, own.Http5xxWarning, own.HttpOtherWarning):
        warn("text", category)
    assert len(shown) == 3


@pytest.mark.parametrize("category", [own.Http503Warning, own.AttributeWarning])
def test_every_time(category: type[Warning], clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    for _ in range(3):
        warn("same text", category)
    assert len(shown) == 3


def test_experimental_once_per_text(clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    for text in ("one", "two", "one", "two", "one"):
        warn(text, own.ExperimentalWarning)
        clock.now += 100
    assert [str(each.message) for each in shown] == ["one", "two"]


def test_pythons_default_does_not_silence_a_server_in_trouble(clock: Clock) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            warn("no connection", own.HttpOtherWarning)
            warn("not available", own.Http503Warning)
            warn("unknown type", own.AttributeWarning)
            clock.now += own.THROTTLE_SECONDS
    assert [str(each.message) for each in caught] == [
        "no connection", "not available", "unknown type", "no connection", "not available"
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_scan_names_the_line_that_made_it(engine: Any, shown: list[warnings.WarningMessage]) -> None:
    def frames() -> Iterator[pl.DataFrame]:
        warn("of a scan", own.AttributeWarning)
        yield pl.DataFrame({"run": ["a"]})

    scan_frames(lambda request: ScanPlan(frames), schema=pl.Schema({"run": pl.String}), name="ANY").collect(
        engine=engine
    )
    assert [each.filename for each in shown] == [__file__]


def test_the_callers_line_is_named(clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    warn("directly", own.AttributeWarning)
    library = {"__name__": "neptune_query.runs", "warn": warn, "category": own.AttributeWarning}
    exec("def inner():\n    warn('from within', category)\ndef outer():\n    inner()", library)
    library["outer"]()  # type: ignore[operator]
    assert [each.filename for each in shown] == [__file__, __file__]
    assert shown[1].lineno > shown[0].lineno


def test_frames_between_frames_of_ours_are_passed_over(clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    library = {"__name__": "neptune_frames.sources.x", "warn": warn, "category": own.AttributeWarning}
    exec("def inner():\n    warn('from within', category)\ndef outer(retrying):\n    retrying(inner)", library)
    exec("def retrying(attempt):\n    attempt()", foreign := {"__name__": "tenacity"})
    library["outer"](foreign["retrying"])  # type: ignore[operator]
    assert [each.filename for each in shown] == [__file__]


def test_a_context_as_decorator_is_passed_over(clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    library = {"__name__": "neptune_frames.writing.x", "warn": warn, "category": own.AttributeWarning}
    exec("def outer():\n    warn('from within', category)", library)
    public_call("export")(library["outer"])()  # type: ignore[arg-type]
    assert [each.filename for each in shown] == [__file__]


def test_from_a_thread(clock: Clock, shown: list[warnings.WarningMessage]) -> None:
    threads = [threading.Thread(target=warn, args=("text", own.Http429Warning)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shown) == 1


def test_a_request_in_a_thread_names_the_line_that_waits_for_it(shown: list[warnings.WarningMessage]) -> None:
    list(fetch_ordered([partial(warn_of_unknown_types, {"a type of this test"})]))
    assert [(each.filename, str(each.message)[:40]) for each in shown] == [
        (__file__, "Attributes of type 'a type of this test'")
    ]


def test_overwriting_names_the_line_that_downloads(
    shown: list[warnings.WarningMessage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "default_source", lambda: MemorySource([]))
    file = nf.File("ws/proj", "exp", None, "art", None, "key", 4, "text/plain")
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp" / "art.txt").write_text("something else")
    nf.download_files(files=[file], destination=tmp_path, source=MemorySource([]))
    (tmp_path / "exp" / "art.txt").write_text("something else")
    nq.download_files(files=[file], destination=tmp_path)
    assert [each.filename for each in shown] == [__file__, __file__]
    assert all("are overwritten" in str(each.message) for each in shown)
