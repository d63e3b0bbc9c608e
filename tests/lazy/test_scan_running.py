"""How scans behave while they run: errors, early stops, threads, sinks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames import errors
from neptune_frames.frames import lazy_source
from neptune_frames.sources.remote import RemoteSource
from neptune_frames.sources.remote.concurrency import shared_pool
from scan_data import PROJECT, Ledger, noting_server, write_archive

SCANS: dict[str, Callable[..., pl.LazyFrame]] = {
    "metrics": nf.scan_metrics,
    "series": nf.scan_series,
    "attributes": nf.scan_attributes,
    "buckets": nf.scan_buckets,
    "runs": nf.scan_runs,
}


class Failing(MemorySource):
    """Gives a few answers, then an error of ours with attributes of its own."""

    def __init__(self) -> None:
        super().__init__([MemoryRun("r", "e", {"a": ("int", 1)}, {"loss": [(1.0, 2.0)]})])

    def fail(self, *_: Any, **__: Any) -> Any:
        raise errors.NeptuneRetryError(3, 1.5, 503, b"busy", "http://server/x")

    def broken(self, *_: Any, **__: Any) -> Iterator[Any]:
        yield from super().float_points(*_, **__)
        self.fail()


def failing(name: str) -> pl.LazyFrame:
    source: Any = Failing()
    method = {
        "metrics": "float_points",
        "series": "definitions",
        "attributes": "values",
        "buckets": "search",
        "runs": "search",
    }
    setattr(source, method[name], source.broken if name == "metrics" else source.fail)
    return SCANS[name](project="ws/proj", runs="", source=source)


def ways(lazy: pl.LazyFrame, directory: Path) -> dict[str, Callable[[], object]]:
    """All the ways to run a query."""
    return {
        "in-memory": lambda: lazy.collect(engine="in-memory"),
        "streaming": lambda: lazy.collect(engine="streaming"),
        "aggregated": lambda: lazy.select(pl.len()).collect(engine="streaming"),
        "sink_parquet": lambda: lazy.sink_parquet(directory / "sunk.parquet"),
        "sink_ipc": lambda: lazy.sink_ipc(directory / "sunk.arrow"),
        "collect_batches": lambda: list(lazy.collect_batches()),
        "collect_all": lambda: pl.collect_all([lazy, lazy]),
        "fetched rows": lambda: lazy.filter(pl.col("project") != "").head(3).collect(),
    }


@pytest.mark.parametrize("name", SCANS)
def test_errors_keep_type_message_and_attributes(name: str, tmp_path: Path) -> None:
    for way, run in ways(failing(name), tmp_path).items():
        with pytest.raises(errors.NeptuneRetryError, match="http://server/x failed after 3 retries") as caught:
            run()
        assert (caught.value.retries, caught.value.last_status_code, caught.value.last_content) == (3, 503, b"busy"), (
            way
        )


def test_errors_of_both_sources_are_ours(source: Any, tmp_path: Path) -> None:
    for name, scan in SCANS.items():
        for way, run in ways(scan(project="ws/nowhere", runs="", source=source), tmp_path).items():
            with pytest.raises(errors.NeptuneProjectInaccessible, match="ws/nowhere") as caught:
                run()
            assert caught.value.project == "ws/nowhere", (name, way)
    with pytest.raises(errors.NeptuneProjectInaccessible, match="ws/nowhere"):
        nf.scan_table(project="ws/nowhere", runs="", source=source)
    with pytest.raises(errors.ConflictingAttributeTypes, match="mixed") as conflict:
        nf.scan_table(project=PROJECT, runs="", type_suffix=False, source=source)
    assert conflict.value.attribute_names == ["mixed"]
    assert "Pass type_suffix=True for" in str(conflict.value)


def test_bad_arguments_are_refused_before_anything_is_asked() -> None:
    source = MemorySource([])
    for scan in (*SCANS.values(), nf.scan_table):
        with pytest.raises(ValueError, match="either experiments or runs"):
            scan(project="ws/proj", source=source)
        with pytest.raises(errors.QuerySyntaxError, match="RE2"):
            scan(project="ws/proj", runs="(", source=source)
    with pytest.raises(ValueError, match="limit"):
        nf.scan_buckets(project="ws/proj", runs="", limit=0, source=source)
    with pytest.raises(ValueError, match="sort_direction"):
        nf.scan_table(project="ws/proj", runs="", sort_direction="up", source=source)
    assert source.calls == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RemoteSource, Ledger]]:
    """A source whose answers to a full scan are many, and what its server notes."""
    root = write_archive(tmp_path_factory.mktemp("many"), points=60)
    with noting_server(root) as (token, ledger):
        source = RemoteSource(token)
        yield source, ledger
        # What was under way when a test stopped has been read before the connections are closed.
        ledger.wait()
        assert all(shared_pool().map(bool, range(1, 100)))
        source.close()


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two points in an answer, one answer ahead; a frame is handed on as soon as it is there."""
    monkeypatch.setenv("NEPTUNE_QUERY_SERIES_BATCH_SIZE", "1")
    monkeypatch.setattr("neptune_frames.sources.remote.float_series.POINTS_PER_ANSWER", 2)
    monkeypatch.setattr("neptune_frames.sources.remote.series_pages.large_answers_ahead", lambda: 1)
    monkeypatch.setattr(lazy_source, "_FEWEST_ROWS", 1)


class Enough(Exception):
    """What a consumer raises."""


def stop_at_first(frame: pl.DataFrame) -> bool:
    return True


def fail_at_first(frame: pl.DataFrame) -> bool:
    raise Enough


def take_one(lazy: pl.LazyFrame) -> None:
    batches = iter(lazy.collect_batches(chunk_size=1, maintain_order=True))
    next(batches)
    del batches


def fail_within(lazy: pl.LazyFrame) -> None:
    """A step of the query itself fails."""

    def fail(frame: pl.DataFrame) -> pl.DataFrame:
        raise Enough

    with pytest.raises(Enough):
        lazy.map_batches(fail, streamable=True).collect(engine="streaming")


def take_head(lazy: pl.LazyFrame) -> None:
    lazy.filter(pl.col("step") >= 0).head(2).collect(engine="streaming")


def sink_enough(lazy: pl.LazyFrame) -> None:
    lazy.sink_batches(stop_at_first, chunk_size=1)


def sink_failing(lazy: pl.LazyFrame) -> None:
    with pytest.raises(Enough):
        lazy.sink_batches(fail_at_first, chunk_size=1)


STOPS = [take_head, take_one, sink_enough, sink_failing, fail_within]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.usefixtures("small_answers")
def test_an_early_stop_stops_asking(many: tuple[RemoteSource, Ledger], stop: Callable[[pl.LazyFrame], object]) -> None:
    source, ledger = many
    ledger.clear()
    stop(nf.scan_metrics(project=PROJECT, runs="", attributes=["train/loss"], source=source))
    # What Polars had read ahead, and no more: all points would be 8 series of 30 answers.
    for _ in range(5):
        assert nf.scan_runs(project=PROJECT, runs="", source=source).collect().height == 8
    assert len(ledger.asked("series/float")) < 8 * 30 / 2


@pytest.mark.parametrize("stop", STOPS)
def test_an_early_stop_closes_the_answer(
    monkeypatch: pytest.MonkeyPatch, stop: Callable[[pl.LazyFrame], object]
) -> None:
    monkeypatch.setattr(lazy_source, "_FEWEST_ROWS", 1)
    closed = threading.Event()

    class Endless(MemorySource):
        def float_points(self, *arguments: Any) -> Iterator[Any]:
            try:
                while True:
                    yield from super().float_points(*arguments)
            finally:
                closed.set()

    source = Endless([MemoryRun("r", "e", {}, {"loss": [(1.0, 2.0)]})])
    stop(nf.scan_metrics(project="ws/proj", runs="", source=source))
    # Polars lets go of a source in its next call.
    assert any(pl.select(1).height and closed.wait(0.1) for _ in range(100))


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_cached_scan_is_asked_for_once(engine: Any) -> None:
    source = MemorySource([MemoryRun(label, series={"loss": [(1.0, 2.0, 0), (2.0, 1.0, 0)]}) for label in "AB"])
    points = nf.scan_metrics(project="ws/proj", runs="", source=source).filter(pl.col("step") > 1).cache()
    best = points.group_by("run").agg(best=pl.col("value").min())
    joined, counts = pl.collect_all([points.join(best, on="run"), best], engine=engine)
    assert (joined.height, counts.height) == (2, 2)
    assert [name for name, *_ in source.calls].count("float_points") == 1


def test_many_collects_at_once(source: Any) -> None:
    everything = {"project": PROJECT, "runs": "", "source": source}
    queries = [
        nf.scan_metrics(include_time="absolute", **everything).sort("run", "attribute", "step"),
        nf.scan_metrics(**everything).filter(pl.col("run") == "run-3").sort("attribute", "step"),
        nf.scan_table(type_suffix=True, **everything).drop(pl.col(pl.Struct)),
        nf.scan_attributes(**everything).filter(pl.col("type") == "string").sort("run", "attribute"),
        nf.scan_series(**everything).drop("histogram", "file").sort("run", "attribute", "step"),
        nf.scan_runs(**everything),
    ]
    expected = [query.collect(engine="in-memory") for query in queries]
    start = threading.Barrier(8)

    def work(number: int) -> list[bool]:
        start.wait()
        places = [(number + turn) % len(queries) for turn in range(3)]
        engine = "streaming" if number % 2 else "in-memory"
        return [queries[place].collect(engine=engine).equals(expected[place]) for place in places]

    with ThreadPoolExecutor(8) as threads:
        assert all(map(all, threads.map(work, range(8))))
