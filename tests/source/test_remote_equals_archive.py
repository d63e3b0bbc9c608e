"""The remote source, asking our own server, answers what the archive behind it answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    NamePattern,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import FileRequest, SeriesKeys
from neptune_frames.sources.remote import RemoteSource
from neptune_frames.wire import media_types

pytest.importorskip("starlette")
from neptune_frames.server.testing import serve_in_thread

# The data set holds leftovers of interrupted exports, which both sources mention.
pytestmark = pytest.mark.filterwarnings("ignore::neptune_frames.errors.NeptuneWarning")

EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
DATASETS = ("lineage", "speedrun-small")


@dataclasses.dataclass
class Pair:
    """Both sources over one data set, and its first project."""

    remote: RemoteSource
    archive: ArchiveSource
    project: str

    def runs(self, kind: ContainerKind = ContainerKind.RUN) -> pa.Table:
        return self.archive.search(RunQuery(self.project, kind)).runs

    def keys(self, runs: pa.Table, attribute_type: str, most: int = 25) -> SeriesKeys:
        """Some series of the first dozen runs that have one of the type."""
        wanted = AttributeSelector((AttributeAlternative((attribute_type,)),))
        owners = {run for _, batch in self.archive.values(runs, wanted) for run in batch.column("run").to_pylist()}
        some = runs.take(sorted(owners)[:12]) if owners else runs.slice(0, 12)
        names = self.archive.definitions([self.project], some, wanted)["attribute"].combine_chunks()
        return SeriesKeys(some, names.slice(0, most))


@pytest.fixture(scope="module", params=DATASETS)
def pair(request: pytest.FixtureRequest, shared_data: Path) -> Iterator[Pair]:
    directory = shared_data / request.param
    archive = ArchiveSource(directory / "data", directory / "files")
    with serve_in_thread(directory / "data", files=directory / "files") as server:
        remote = RemoteSource(server.api_token)
        yield Pair(remote, archive, archive.projects()["project"][0].as_py())
        remote.close()


@pytest.fixture(params=["arrow", "protobuf", "json"])
def wire_format(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, pair: Pair) -> str:
    accept = {"arrow": media_types.ARROW_STREAM, "protobuf": "*/*", "json": media_types.JSON}[request.param]
    monkeypatch.setattr(pair.remote._session, "_accept", accept)
    return str(request.param)


def cells(batches: Any) -> dict[tuple[str, int, str], str]:
    """Values by type, run and attribute; text, so that NaN equals NaN."""
    found: dict[tuple[str, int, str], str] = {}
    for attribute_type, batch in batches:
        for row in batch.to_pylist():
            key = attribute_type, row.pop("run"), row.pop("attribute")
            assert key not in found
            if isinstance(row["value"], list):
                row["value"].sort()
            found[key] = repr(row)
    return found


def points(batches: Any) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], list[Any]] = {}
    for batch in batches:
        for row in batch.to_pylist():
            found.setdefault((row["run"], row["attribute"]), []).extend(row["points"])
    assert all([one["step"] for one in found[key]] == sorted(one["step"] for one in found[key]) for key in found)
    return {key: repr(value) for key, value in found.items() if value}


@pytest.mark.parametrize("kind", list(ContainerKind))
def test_searches_agree(pair, wire_format, kind):
    for query in (RunQuery(pair.project, kind), RunQuery(pair.project, kind, limit=3, offset=1)):
        names = ["sys/creation_time", "sys/tags", "sys/name"]
        remote, archive = (source.search(query, names) for source in (pair.remote, pair.archive))
        assert remote.runs.equals(archive.runs)
        assert cells(remote.values.items()) == cells(archive.values.items())


def test_definitions_agree(pair, wire_format):
    for runs in (None, pair.runs().slice(0, 2)):
        expected = pair.archive.definitions([pair.project], runs, EVERYTHING)
        assert pair.remote.definitions([pair.project], runs, EVERYTHING).equals(expected)


@pytest.mark.parametrize("page", [50, 10_000])
def test_values_agree(pair, wire_format, page, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_ATTRIBUTE_VALUES_BATCH_SIZE", str(page))
    runs = pair.runs().slice(0, 5)
    by_pattern = AttributeAlternative(KNOWN_TYPES, patterns=(NamePattern(("sys/|conf|loss",), ("time",)),))
    by_name = AttributeAlternative(("string", "float_series"), names=("sys/name", "loss", "train/loss"))
    for selector in (
        AttributeSelector((by_pattern,)),
        AttributeSelector((by_name,)),
        AttributeSelector((by_pattern, by_name)),
    ):
        assert cells(pair.remote.values(runs, selector)) == cells(pair.archive.values(runs, selector))


@pytest.mark.parametrize(
    "options",
    [
        SeriesOptions(),
        SeriesOptions(ContainerKind.EXPERIMENT, include_time=True, include_previews=True),
        SeriesOptions(step_range=(2.0, 9.5), tail_limit=3, lineage=False),
        SeriesOptions(ContainerKind.EXPERIMENT, tail_limit=40, lineage=False, include_time=True),
    ],
)
@pytest.mark.parametrize("per_answer", [50, 1_000_000])
def test_float_points_agree(pair, wire_format, options, per_answer, monkeypatch):
    monkeypatch.setattr("neptune_frames.sources.remote.float_series.POINTS_PER_ANSWER", per_answer)
    keys = pair.keys(pair.runs(options.kind), "float_series", most=10)
    if per_answer == 50:
        keys = SeriesKeys(keys.runs.slice(0, 3), keys.attributes)
        options = dataclasses.replace(options, step_range=(0.0, 150.0))
    expected = points(pair.archive.float_points(keys, options))
    assert points(pair.remote.float_points(keys, options)) == expected
    assert expected or options.step_range != (None, None)


def test_custom_run_ids_agree(pair):
    ids = [*pair.runs()["run_id"].to_pylist()[:3], "no such run"]
    names = pair.keys(pair.runs(), "float_series").attributes
    found = [
        points(source.float_points(SeriesKeys(source.resolve_custom_ids(pair.project, ids), names), SeriesOptions()))
        for source in (pair.remote, pair.archive)
    ]
    assert found[0] == found[1]
    assert found[0]


@pytest.mark.parametrize("attribute_type", ["string_series", "histogram_series", "file_series"])
@pytest.mark.parametrize("tail", [None, 2])
def test_object_points_agree(pair, wire_format, attribute_type, tail):
    keys = pair.keys(pair.runs(), attribute_type)
    options = SeriesOptions(tail_limit=tail, include_time=True)
    assert points(pair.remote.object_points(keys, options)) == points(pair.archive.object_points(keys, options))


@pytest.mark.parametrize("per_request", [20, 1000])
def test_buckets_agree(pair, wire_format, per_request, monkeypatch):
    monkeypatch.setattr("neptune_frames.sources.remote.buckets.SERIES_PER_REQUEST", per_request)
    keys = pair.keys(pair.runs(), "float_series")
    order = [("run", "ascending"), ("attribute", "ascending"), ("index", "ascending")]
    remote, archive = (
        source.buckets(keys, SeriesOptions(), 10).sort_by(order) for source in (pair.remote, pair.archive)
    )
    assert repr(remote.to_pylist()) == repr(archive.to_pylist())
    assert remote.num_rows


def test_files_agree(pair, tmp_path):
    wanted = AttributeSelector((AttributeAlternative(("file",)),))
    found = [row for _, batch in pair.archive.values(pair.runs(), wanted) for row in batch.to_pylist()][:5]
    for index, source in enumerate((pair.remote, pair.archive)):
        files = [
            FileRequest(pair.project, row["value"]["path"], row["value"]["size_bytes"], tmp_path / f"{index}-{number}")
            for number, row in enumerate(found)
        ]
        missing = FileRequest(pair.project, "no/such/file", None, tmp_path / f"{index}-missing")
        assert source.fetch_files([*files, missing], progress=False) == [*[True] * len(files), False]
    for number in range(len(found)):
        assert (tmp_path / f"0-{number}").read_bytes() == (tmp_path / f"1-{number}").read_bytes()
