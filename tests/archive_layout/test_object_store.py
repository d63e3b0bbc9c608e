"""Archives in an object store, read and written over a real S3-compatible server in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import neptune_frames as nf
from archive_layout_small import PROJECT, batch_of, small_archives, write_small_run
from neptune_frames.archives.checking import check_archive
from neptune_frames.archives.comparing import compare
from neptune_frames.archives.converting import convert
from neptune_frames.cli import main
from neptune_frames.errors import ArchiveError, DamagedFileError, MissingDependencyError
from neptune_frames.query.selection import ContainerKind, RunQuery, SeriesOptions
from neptune_frames.sources.archive import ArchiveSource, batch_listing, cache, object_path
from neptune_frames.sources.archive.object_path import ObjectPath, open_location
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.choose import close_sources

pytest.importorskip("obstore")
pytest.importorskip("moto")

#: One server serves them all.
pytestmark = pytest.mark.xdist_group("object store")

SECRET = "not-for-messages"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of the server."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        assert server.stderr is not None
        try:
            address = next(found[0] for line in server.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            # It writes a line for each request; a full pipe would stop it.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            yield address
        finally:
            server.terminate()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The URL of a bucket of the test's own; credentials are in the standard variables."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    name = re.sub(r"[^a-z]+", "-", request.node.name.lower())
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT")):
        return f"s3://{name}"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exported")
    for number in range(3):
        write_small_run(root, number)
    return root


def test_written_and_read(bucket: str, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"{bucket}/team/archive"
    assert convert(exported, url, progress_bar=False).runs == 3
    found = compare(ArchiveSource(url), ArchiveSource(exported), payloads=True)
    assert found.is_equal
    assert (found.points, found.payloads) == (456, 3)
    assert main(["verify", url]) == 0
    assert main(["info", url]) == 0
    assert "points     456" in capsys.readouterr().out
    frame = nf.fetch_metrics(project=PROJECT, runs=["run-1"], attributes=["m/a"], source=url).collect()
    assert frame.height == 50
    source = ArchiveSource(url)
    payload = source.payload(PROJECT, next(iter(paths_of(source))))
    assert payload is not None
    assert payload.path.read_bytes().startswith(b"weights")
    assert source.payload(PROJECT, "../neptune-frames.json") is None
    close_sources()


@pytest.mark.slow
def test_from_store_to_store_and_back(bucket: str, exported: Path, tmp_path: Path) -> None:
    convert(exported, f"{bucket}/first", progress_bar=False)
    assert convert(f"{bucket}/first", f"{bucket}/second", progress_bar=False).files == 3
    assert convert(f"{bucket}/second", tmp_path / "back", progress_bar=False).points == 456
    assert compare(ArchiveSource(tmp_path / "back"), ArchiveSource(exported), payloads=True).is_equal


def paths_of(source: ArchiveSource) -> list[str]:
    answer = source.search(RunQuery(PROJECT, ContainerKind.RUN), ["model"])
    return [row["value"]["path"] for row in answer.values["file"].to_pylist()]


def test_only_what_is_wanted_is_fetched(bucket: str, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(exported, bucket, progress_bar=False)
    source = ArchiveSource(bucket)
    runs = source.search(RunQuery(PROJECT, ContainerKind.RUN)).runs
    fetched: list[tuple[int, int]] = []
    read = ObjectPath.read_ranges

    def noted(path: ObjectPath, starts: list[int], ends: list[int]) -> list[memoryview]:
        fetched.extend(zip(starts, ends, strict=True))
        return read(path, starts, ends)

    monkeypatch.setattr(ObjectPath, "read_ranges", noted)
    keys = SeriesKeys(runs, pa.array(["m/b"]))
    assert sum(len(batch["points"].values) for batch in source.float_points(keys, SeriesOptions())) == 150
    # The footer, then steps and values of one row group, and none of its keys and times.
    assert len(fetched) == 3
    fetched.clear()
    list(source.float_points(keys, SeriesOptions(include_time=True)))
    assert len(fetched) == 3


@pytest.mark.slow
def test_new_batches_are_noticed(bucket: str, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(exported, bucket, progress_bar=False)
    source = ArchiveSource(bucket)
    everyone = RunQuery(PROJECT, ContainerKind.RUN)
    assert source.search(everyone).runs.num_rows == 3
    write_small_run(tmp_path, 7)
    summary = convert(tmp_path, bucket, progress_bar=False)
    assert (summary.runs, summary.points) == (1, 152)
    assert source.search(everyone).runs.num_rows == 3
    monkeypatch.setattr(batch_listing, "SECONDS_BETWEEN_LISTINGS", -1.0)
    assert source.search(everyone).runs.num_rows == 4
    assert source.search(everyone).runs.num_rows == 4


@pytest.mark.slow
def test_updates_bring_new_points_only(bucket: str, tmp_path: Path) -> None:
    write_small_run(tmp_path, 0)
    convert(tmp_path, bucket, progress_bar=False)
    write_small_run(tmp_path, 0, points=70, lr=0.5)
    summary = convert(tmp_path, bucket, update=True, progress_bar=False)
    assert (summary.runs, summary.points) == (1, 60)
    assert compare(ArchiveSource(bucket), ArchiveSource(tmp_path)).is_equal
    assert check_archive(bucket).is_whole


def test_what_an_interrupted_export_left_is_passed_over(
    bucket: str, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(path: ObjectPath, content: bytes) -> bool:
        raise ArchiveError("the network is gone")

    with monkeypatch.context() as broken:
        broken.setattr(ObjectPath, "create", cut)
        with pytest.raises(ArchiveError, match="network is gone"):
            convert(exported, bucket, progress_bar=False)
    place = open_location(bucket)
    assert isinstance(place, ObjectPath)
    assert any(str(path).endswith(".staging/runs.parquet") for path in place.files_below())
    assert ArchiveSource(bucket).projects().num_rows == 0
    assert convert(exported, bucket, progress_bar=False).runs == 3
    assert check_archive(bucket).is_whole


@pytest.mark.slow
def test_two_exports_at_once(bucket: str, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of what can happen then is in test_store_commits.py, over a store in memory."""
    convert(exported, bucket, progress_bar=False)
    for number in range(3):
        write_small_run(tmp_path, number, points=200, lr=7.0)
    with monkeypatch.context() as late:
        # As if the other one had ended after this one had listed the batches.
        late.setattr("neptune_frames.writing.object_store.committed_batches", lambda place: [])
        with pytest.raises(ArchiveError, match=r"batch=000000 was written by another export"):
            convert(tmp_path, bucket, progress_bar=False)
    assert check_archive(bucket).is_whole
    assert compare(ArchiveSource(bucket), ArchiveSource(exported), payloads=True).is_equal


def test_damage_is_named(bucket: str, exported: Path) -> None:
    convert(exported, bucket, progress_bar=False)
    place = open_location(bucket)
    (project,) = (path for path in place.iterdir() if path.name.startswith("project="))
    assert isinstance(project, ObjectPath)
    points = project / "batch=000000/float_series/part-00000.parquet"
    content = points.read_bytes()
    points.write_bytes(content[:1000])
    assert any(str(points) in problem for problem in check_archive(bucket).problems)
    source = ArchiveSource(bucket)
    runs = source.search(RunQuery(PROJECT, ContainerKind.RUN)).runs
    with pytest.raises(ArchiveError) as caught:
        list(source.float_points(SeriesKeys(runs, pa.array(["m/a"])), SeriesOptions()))
    assert str(points) in str(caught.value)
    points.unlink()
    with pytest.raises(DamagedFileError, match="it is missing"):
        list(source.float_points(SeriesKeys(runs, pa.array(["m/a"])), SeriesOptions()))


@pytest.mark.slow
def test_the_catalog_is_kept(bucket: str, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(exported, bucket, progress_bar=False)
    monkeypatch.setattr(cache, "LEAST_BYTES", 0)
    monkeypatch.setattr(cache, "_SETTLED_NS", -(10**12))
    monkeypatch.setenv("NEPTUNE_FRAMES_CACHE", str(tmp_path / "cache"))
    everyone = RunQuery(PROJECT, ContainerKind.RUN)
    first = ArchiveSource(bucket).search(everyone).runs
    monkeypatch.setattr("neptune_frames.sources.archive.batch_store.read_batches", None)
    assert ArchiveSource(bucket).search(everyone).runs.equals(first)


@pytest.mark.slow
def test_a_server_over_it(bucket: str, exported: Path) -> None:
    pytest.importorskip("starlette")
    from neptune_frames.server.testing import serve_in_thread
    from neptune_frames.sources.remote import RemoteSource

    convert(exported, bucket, progress_bar=False)
    with serve_in_thread(open_location(bucket)) as server:
        remote = RemoteSource(server.api_token)
        assert compare(ArchiveSource(exported), remote, payloads=True).is_equal
        remote.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/archive", "not ftp://"),
        (f"s3://someone:{SECRET}@bucket/archive", "belong in the environment"),
        (f"s3://bucket/archive?token={SECRET}", "belong in the environment"),
        (f"s3://someone:{SECRET}@[x", "begins with s3:// is no URL"),
        (f"s3://someone:{SECRET}@bucket\u2100/archive", "begins with s3:// is no URL"),
        # What pathlib makes of a URL.
        (str(Path("s3://bucket/archive")), r"Give the URL as text: s3://bucket/archive\."),
    ],
)
def test_urls_that_are_refused(url: str, message: str) -> None:
    with pytest.raises(ArchiveError, match=message) as caught:
        open_location(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["gs://bucket/archive", "az://container/archive"])
def test_other_stores(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    place = open_location(url)
    assert isinstance(place, ObjectPath)
    assert str(place / "project=x" / "manifest.json") == f"{url}/project=x/manifest.json"
    assert (place / "project=x").parent == place


def test_no_archive_there(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"s3://.*/nowhere: it holds no neptune-frames.json"):
        ArchiveSource(f"{bucket}/nowhere")
    place = open_location(f"{bucket}/other")
    assert isinstance(place, ObjectPath)
    (place / "something").write_bytes(b"x")
    with pytest.raises(ArchiveError, match="not empty"):
        convert(small_archives(tmp_path)[0], f"{bucket}/other", progress_bar=False)
    with pytest.raises(ArchiveError, match="Only the layout neptune-frames"):
        convert(tmp_path / "exported", f"{bucket}/new", layout="neptune-exporter", progress_bar=False)
    assert batch_of(tmp_path / "ours").is_dir()


def test_an_endpoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_path, "_RETRIES", {"max_retries": 0})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with pytest.raises(ArchiveError, match=r"s3://bucket/archive.* cannot be reached.*AWS_ACCESS_KEY_ID") as caught:
        ArchiveSource("s3://bucket/archive")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingDependencyError, match=r"s3:// archives needs obstore.*neptune-frames\[cloud\]"):
        ArchiveSource("s3://bucket/archive")
