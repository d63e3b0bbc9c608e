"""Names of directories and payloads: safe and distinct on every file system, whatever runs are called."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neptune_frames.schemas import FILE
from neptune_frames.sources.archive.batch_layout import bounded_name
from neptune_frames.sources.archive.layout import encoded_name
from neptune_frames.writing.payload_names import ExporterNaming, Naming, Owners, OwnNaming

_ODD = [
    "..", ".", "/etc/passwd", "../../up", "a/../b", "CON", "con", "aux.txt", "A", "a", "é", "e\u0301", "a.b", "a_b",
    "a/b", "x" * 3000, "日本語/" * 100, " ", "tab\tline\n", "C:\\x", "~", "-rf", "a//b", "a/./b",
]  # fmt: skip
_TEXT = st.one_of(st.sampled_from(_ODD), st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
_OWNERS = st.lists(st.tuples(_TEXT, _TEXT), unique=True, min_size=1, max_size=8)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _check_safe(path: str) -> None:
    parts = PurePosixPath(path).parts
    assert not PurePosixPath(path).is_absolute()
    for part in parts:
        assert part not in ("..", ".")
        assert len(part.encode()) <= 255
        assert not re.search(r'[\\/:*?"<>|\x00-\x1f]', part)


@settings(max_examples=60, deadline=None)
@given(st.lists(_TEXT, unique=True, min_size=2, max_size=6))
def test_two_texts_never_share_a_name(texts: list[str]) -> None:
    names = [bounded_name(text) for text in texts]
    assert len({_folded(name) for name in names}) == len(texts)
    for name in names:
        _check_safe(name)
        assert len(name.encode()) <= 200


def _owners(pairs: list[tuple[str, str]]) -> Owners:
    """Runs and attributes of files as columns."""
    (runs, run), (names, attribute) = (
        (pa.array(distinct), np.array([distinct.index(each) for each in column]))
        for column in zip(*pairs, strict=True)
        for distinct in [sorted(set(column))]
    )
    return Owners(runs, run, names, attribute)


def _single(naming: Naming, pairs: list[tuple[str, str]], mime_type: str | None) -> list[str]:
    file = {"path": "source path", "size_bytes": 7, "mime_type": mime_type}
    owners = _owners(pairs)
    naming.prepare(owners)
    return naming.files(owners, pa.array([file] * len(pairs), FILE)).to_list()


def _paths(naming: Naming, pairs: list[tuple[str, str]], mime_type: str | None) -> list[str]:
    single = _single(naming, pairs, mime_type)
    (step,) = naming.steps(pa.array([1.5])).to_list()
    (extension,) = naming.extensions(pl.Series([mime_type], dtype=pl.String)).to_list()
    return [*single, *(f"{series}/{step}{extension}" for series in naming.series(_owners(pairs)))]


@settings(max_examples=60, deadline=None)
@given(_OWNERS, st.sampled_from(["image/png", "text/plain", None, "no/type"]))
def test_payloads_of_our_layout_never_meet(owners: list[tuple[str, str]], mime_type: str | None) -> None:
    paths = _paths(OwnNaming(), owners, mime_type)
    folded = [_folded(path) for path in paths]
    assert len(set(folded)) == len(paths)
    assert not any(path.startswith(f"{other}/") for path in folded for other in folded)
    for path in paths:
        _check_safe(path)
        assert len(PurePosixPath(path).parts) <= 3


@settings(max_examples=60, deadline=None)
@given(_OWNERS)
@example([("a.b", ".."), ("a/b", "..")])
def test_payloads_of_the_exporters_layout_never_meet(owners: list[tuple[str, str]]) -> None:
    single = _single(ExporterNaming(sorted({run for run, _ in owners})), owners, "image/png")
    assert len({_folded(path) for path in single}) == len(owners)
    for path in single:
        _check_safe(path)


@pytest.mark.parametrize(
    ("attribute", "mime_type", "path"),
    [
        ("source/train.py", "text/x-python", "run-a/source/train_py.py"),
        ("weird.name/a b", "application/octet-stream", "run-a/weird_name/a_b.bin"),
        ("u//v/./w/..", "text/plain", "run-a/u/v/w/__.txt"),
        ("/abs/f", "text/plain", "run-a/_/abs/f.txt"),  # the exporter itself loses the run here
        ("plain", "no/type", "run-a/plain"),
    ],
)
def test_payloads_are_named_as_the_exporter_names_them(attribute: str, mime_type: str, path: str) -> None:
    assert _single(ExporterNaming(["run-a"]), [("run-a", attribute)], mime_type) == [path]


def test_payloads_that_would_overwrite_each_other_are_told_apart() -> None:
    pairs = [("run-a", "a.b"), ("run-a", "a_b"), ("run-b", "a_b"), ("run-a", "c")]
    *paths, alone, other = _single(ExporterNaming(["run-a", "run-b"]), pairs, "text/plain")
    assert len(set(paths)) == 2
    assert all(re.fullmatch(r"run-a/a_b_[0-9a-f]{16}\.txt", path) for path in paths)
    assert (alone, other) == ("run-b/a_b.txt", "run-a/c.txt")


@pytest.mark.parametrize("other", ["a b", "a.b", "A_b", "a//b", "/a_b", "./a b/"])
def test_a_run_whose_directory_another_run_has_gets_another(other: str) -> None:
    held = encoded_name(other).rpartition("-")[0]
    (path,) = _single(ExporterNaming(["a_b"], [held]), [("a_b", "c")], "text/plain")
    assert re.fullmatch(r"a_b_[0-9a-f]{16}/c\.txt", path)
    assert _single(ExporterNaming(["a_c"], [held]), [("a_c", "c")], "text/plain") == ["a_c/c.txt"]


def test_files_without_a_size_or_a_type_are_named() -> None:
    files = pa.array([{"path": "p", "size_bytes": None, "mime_type": None}, None], FILE)
    owners = _owners([("run", "model"), ("run", "none")])
    named, without = OwnNaming().files(owners, files).to_list()
    assert re.fullmatch(r"run-[0-9a-f]{16}/model-[0-9a-f]{16}\.bin", named)
    assert without != named


def test_steps_name_their_payloads() -> None:
    steps = pa.array([0.0, 1.5, -2.25, 1e-7, 123456789.125])
    assert OwnNaming().steps(steps).n_unique() == 5
    names = ExporterNaming([]).steps(pa.array([0.0, 1.5, -2.25])).to_list()
    assert names == ["step_0_000000", "step_1_500000", "step_-2_250000"]
