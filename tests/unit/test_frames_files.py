"""Downloads: what counts as files, where they go, and the frame of their paths."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_source import MemorySource
from neptune_frames.errors import NeptuneUserError, NeptuneWarning
from neptune_frames.frames.files import check_kind, collect_files, download_files, paths_frame, prepare_destination
from neptune_frames.frames.files_paths import target_paths
from neptune_frames.query.selection import ContainerKind
from neptune_frames.sources.base import FileRequest
from neptune_frames.types import File
from pandas_dtypes import TEXT_DTYPE

EXPERIMENT, RUN = ContainerKind.EXPERIMENT, ContainerKind.RUN
DATA = Path("/data")


def file(
    attribute: str = "art",
    step: float | None = None,
    *,
    label: str = "exp-1",
    mime_type: str = "text/plain",
    project: str = "ws/proj",
) -> File:
    return File(project, label, None, attribute, step, "key", 4, mime_type)


def relative(*files: File, windows: bool = False) -> list[str]:
    return [path.relative_to(DATA).as_posix() for path in target_paths(files, DATA, windows=windows)]


# --- paths


@pytest.mark.parametrize(
    ("label", "attribute", "step", "mime_type", "path"),
    [
        ("exp-1", "sample", None, "text/csv", "exp-1/sample.csv"),
        ("exp-1", "files/file-value.txt", None, "text/plain", "exp-1/files/file-value_txt.txt"),
        ("exp-1", "img", 1.0, "image/png", "exp-1/img/step_1_000000.png"),
        ("exp-1", "img", 0.5, "image/png", "exp-1/img/step_0_500000.png"),
        ("exp-1", "img", -1.0, "image/png", "exp-1/img/step_-1_000000.png"),
        ("exp-1", "img", math.inf, "image/png", "exp-1/img/step_inf.png"),
        ("exp-1", "a b/ü.tar.gz", None, "application/gzip", "exp-1/a_b/ü_tar_gz.gz"),
        ("exp-1", "x", None, "application/octet-stream", "exp-1/x.bin"),
        ("exp-1", "x", None, "text/plain; charset=utf-8", "exp-1/x"),
        ("exp-1", "../../etc/passwd", None, "text/plain", "exp-1/__/__/etc/passwd.txt"),
        ("exp-1", "a//b/./c", None, "text/html", "exp-1/a/b/c.html"),
        ("exp-1", ".", None, "text/plain", "exp-1.txt"),
        ("team/exp 1:α", "m", None, "application/json", "team/exp_1_α/m.json"),
        # Not the documented path, which loses the label and lets experiments overwrite each other.
        ("exp-1", "/abs/path", None, "text/plain", "exp-1/_/abs/path.txt"),
        (".", ".", None, "text/plain", "_.txt"),
        ("..", "..", None, "text/plain", "__/__.txt"),
    ],
)
def test_paths(label: str, attribute: str, step: float | None, mime_type: str, path: str) -> None:
    assert relative(file(attribute, step, label=label, mime_type=mime_type)) == [path]


def test_components_are_limited_in_bytes_extension_included() -> None:
    (directory,) = {PurePosixPath(path).parent.name for path in relative(file("x" * 300 + "/y"))}
    assert directory == "x" * 238 + "_12b539c1cad94615"  # as documented
    for name in ("x" * 300, "ü" * 200, "𝔘" * 80):
        (path,) = relative(file(name))
        assert len(PurePosixPath(path).name.encode()) <= 255
        assert path.endswith(".txt")
    assert len(set(relative(file("x" * 300), file("x" * 301)))) == 2


def test_names_that_windows_reserves() -> None:
    assert relative(file("aux"), windows=True) == ["exp-1/aux_.txt"]
    assert relative(file("aux")) == ["exp-1/aux.txt"]
    assert relative(file("nul/com1", label="con"), windows=True) == ["con_/nul_/com1_.txt"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (file("a b"), file("a_b")),
        (file("x.y"), file("x_y")),
        (file("Plot"), file("plot")),
        (file("img", 0.0), file("img", 1e-7)),
        (file("a"), file("a", project="ws/other")),
        (file("a/b", label="e"), file("b", label="e/a")),
        (file("\u212b"), file("\u00c5")),
        (file("/a"), file("_/a")),
    ],
)
def test_files_that_would_meet_get_digests(one: File, other: File) -> None:
    together = relative(one, other)
    assert len({path.casefold() for path in together}) == 2
    assert relative(other, one) == together[::-1]
    for path, alone in zip(together, relative(one) + relative(other), strict=True):
        stem, _, extension = alone.rpartition(".")
        assert path.startswith(f"{stem}_")
        assert path.endswith(f".{extension}")


def test_a_file_is_no_directory() -> None:
    paths = relative(file("a", mime_type="unknown"), file("a/b"))
    assert paths[1] == "exp-1/a/b.txt"
    assert paths[0].startswith("exp-1/a_")


def test_equal_files_share_a_path() -> None:
    assert relative(file("a"), file("a")) == ["exp-1/a.txt", "exp-1/a.txt"]


NAMES = st.text(st.sampled_from("aAbB ./\\_-:üÅ\u0301\u212b\x00~"), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(
            file,
            NAMES,
            st.sampled_from([None, 0.0, 1e-9, 1.5]),
            label=NAMES,
            mime_type=st.sampled_from(["", "text/plain", "x/y"]),
        ),
        max_size=12,
        # An attribute of a run holds one file at a step.
        unique_by=lambda each: (each.container_identifier, each.attribute_path, each.step),
    ),
    st.booleans(),
)
def test_paths_stay_inside_and_apart(files: list[File], windows: bool) -> None:
    paths = target_paths(files, DATA, windows=windows)
    assert len({str(path).casefold() for path in paths}) == len(files)
    directories = {parent for path in paths for parent in path.parents}
    for path in paths:
        assert path not in directories
        assert DATA in path.parents
        assert ".." not in path.parts
        assert Path(os.path.normpath(path)) == path
        assert "\0" not in str(path)


# --- what counts as files


def test_files_in_whatever_holds_them() -> None:
    one, two, three = file("a"), file("b"), file("c")
    frame = pd.DataFrame({"x": [one, np.nan], "y": ["text", three], "z": [two, None]})
    assert collect_files(one) == [one]
    assert collect_files(frame) == [one, three, two]
    assert collect_files(frame["x"]) == [one]
    assert collect_files([one, "text", None, two]) == [one, two]
    assert collect_files(each for each in (two, one)) == [two, one]
    assert collect_files({one: 1}) == [one]
    assert collect_files("abc") == collect_files([]) == []
    for wrong in (None, 3):
        with pytest.raises(ValueError, match="expected a File"):
            collect_files(wrong)


def test_files_of_the_other_kind_are_refused() -> None:
    of_run = File("ws/proj", None, "run-1", "a", None, "key", 4, "")
    check_kind([file()], EXPERIMENT)
    check_kind([of_run], RUN)
    with pytest.raises(NeptuneUserError, match=r"neptune_query\.runs\.download_files"):
        check_kind([file(), of_run], EXPERIMENT)
    with pytest.raises(NeptuneUserError, match="fetch_runs_table"):
        check_kind([file()], RUN)


def test_destinations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_destination(None) == tmp_path.resolve()
    assert prepare_destination("new/deep") == tmp_path.resolve() / "new" / "deep"
    assert (tmp_path / "new" / "deep").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        prepare_destination("file")
    with pytest.raises(TypeError):
        prepare_destination(3)  # type: ignore[arg-type]


# --- transfers


class Store(MemorySource):
    """Writes ``content`` to every target, except for attributes named ``lost``."""

    def fetch_files(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        self.calls.append(("fetch_files", list(files)))
        found = ["lost" not in request.target.parts for request in files]
        for request, there in zip(files, found, strict=True):
            if there:
                request.target.parent.mkdir(parents=True, exist_ok=True)
                request.target.write_text("data")
        return found


def test_documented_frame(tmp_path: Path) -> None:
    files = [
        file("img", 1.0, label="exp-b", mime_type="image/png"),
        file("lost", 2.0, label="exp-b"),
        file(label="exp-b"),
        file(label="exp-b"),
    ]
    source = Store([])
    frame = download_files(source, files, tmp_path, EXPERIMENT).to_pandas()
    index = pd.MultiIndex.from_tuples([("exp-b", 1.0), ("exp-b", 2.0), ("exp-b", np.nan)], names=["experiment", "step"])
    pd.testing.assert_index_equal(frame.index, index)
    pd.testing.assert_index_equal(frame.columns, pd.Index(["art", "img", "lost"], dtype=TEXT_DTYPE, name="attribute"))
    assert all(str(dtype) == TEXT_DTYPE for dtype in frame.dtypes)
    assert frame.loc[("exp-b", None), "art"] == str(tmp_path / "exp-b" / "art.txt")
    assert Path(frame.loc[("exp-b", 1.0), "img"]).read_text() == "data"
    assert frame["lost"].isna().all()
    (requests,) = source.called("fetch_files")
    assert len(requests) == 3
    assert requests[0] == FileRequest("ws/proj", "key", 4, tmp_path / "exp-b" / "img" / "step_1_000000.png")


def test_nothing_downloaded() -> None:
    frame = paths_frame([file()], [None], EXPERIMENT)
    assert frame["art"].tolist() == [None]
    assert frame["art"].dtype == object
    assert [str(level.dtype) for level in frame.index.levels] == [TEXT_DTYPE, "object"]


def test_no_files_as_documented(tmp_path: Path) -> None:
    source = Store([])
    frame = download_files(source, [], tmp_path, RUN).to_pandas()
    assert frame.shape == (0, 0)
    assert frame.index.names == ["run", "step"]
    assert [level.dtype for level in frame.index.levels] == [object, object]
    pd.testing.assert_index_equal(frame.columns, pd.Index([], dtype=object, name="attribute"))
    assert source.calls == []


def test_cells_that_two_files_want_are_refused_before_any_transfer(tmp_path: Path) -> None:
    source = Store([])
    with pytest.raises(ValueError, match="same label 'exp-1'"):
        download_files(source, [file(), file(project="ws/other")], tmp_path, EXPERIMENT)
    assert source.calls == []


def test_overwriting_a_different_file_is_said(tmp_path: Path) -> None:
    target = tmp_path / "exp-1" / "art.txt"
    target.parent.mkdir()
    target.write_text("something else")
    with pytest.warns(NeptuneWarning, match=r"art\.txt"):
        download_files(Store([]), [file()], tmp_path, EXPERIMENT)
    download_files(Store([]), [file()], tmp_path, EXPERIMENT)  # the same size: nothing to say


def test_attribute_named_like_the_index(tmp_path: Path) -> None:
    frame: Any = download_files(Store([]), [file("experiment")], tmp_path, EXPERIMENT).to_pandas()
    assert frame["experiment"].notna().all()
