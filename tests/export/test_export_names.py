"""Names of directories and payloads: safe and distinct on every file system, whatever runs are called."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neptune_frames.sources.archive.batch_layout import bounded_name
from neptune_frames.writing.payload_names import ExporterNaming, Naming, Owner, OwnNaming

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


def _paths(naming: Naming, owners: list[Owner], mime_type: str | None) -> list[str]:
    naming.prepare(owners)
    (step,) = naming.steps(pa.array([1.5])).to_list()
    single = [naming.file(owner, "source path", 7, mime_type) for owner in owners]
    series = [f"{naming.series(owner)}/{step}{naming.extension(mime_type)}" for owner in owners]
    return [*single, *series]


@settings(max_examples=60, deadline=None)
@given(_OWNERS, st.sampled_from(["image/png", "text/plain", None, "no/type"]))
def test_payloads_of_our_layout_never_meet(owners: list[Owner], mime_type: str | None) -> None:
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
def test_payloads_of_the_exporters_layout_never_meet(owners: list[Owner]) -> None:
    naming = ExporterNaming(sorted({run for run, _ in owners}))
    naming.prepare(owners)
    single = [naming.file(owner, "", None, "image/png") for owner in owners]
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
    assert ExporterNaming(["run-a"]).file(("run-a", attribute), "", None, mime_type) == path


def test_payloads_that_would_overwrite_each_other_are_told_apart() -> None:
    naming = ExporterNaming(["run-a"])
    owners = [("run-a", "a.b"), ("run-a", "a_b")]
    naming.prepare(owners)
    paths = [naming.file(owner, "", None, "text/plain") for owner in owners]
    assert len(set(paths)) == 2
    assert all(re.fullmatch(r"run-a/a_b_[0-9a-f]{16}\.txt", path) for path in paths)


def test_steps_name_their_payloads() -> None:
    steps = pa.array([0.0, 1.5, -2.25, 1e-7, 123456789.125])
    assert OwnNaming().steps(steps).n_unique() == 5
    names = ExporterNaming([]).steps(pa.array([0.0, 1.5, -2.25])).to_list()
    assert names == ["step_0_000000", "step_1_500000", "step_-2_250000"]
