"""neptune_fetcher without a server: what importing it does, its filters and its context."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import neptune_fetcher
from memory_source import MemoryRun, MemorySource
from neptune_fetcher import alpha, fetchable, read_only_project, read_only_run
from neptune_fetcher import exceptions as fetcher_exceptions
from neptune_fetcher.alpha import exceptions as alpha_exceptions
from neptune_fetcher.alpha import filters
from neptune_fetcher.alpha import runs as alpha_runs
from neptune_fetcher.alpha.filters import Attribute, AttributeFilter, Filter
from neptune_fetcher.util import NeptuneException, NeptuneWarning
from neptune_frames.errors import ArchiveError


def test_the_surface() -> None:
    assert neptune_fetcher.__all__ == ["ReadOnlyProject", "ReadOnlyRun"]
    assert read_only_project.ReadOnlyProject is neptune_fetcher.ReadOnlyProject
    assert read_only_run.ReadOnlyRun is neptune_fetcher.ReadOnlyRun
    # No name more than the official package has: `from ... import *` must not hide names of a script.
    assert set(alpha.__all__) == {
        "Context", "get_context", "set_api_token", "set_context", "set_project", "list_experiments", "list_attributes",
        "fetch_experiments_table", "fetch_metrics", "fetch_series", "download_files",
    }  # fmt: skip
    assert set(alpha_runs.__all__) == {
        "list_runs", "list_attributes", "fetch_runs_table", "fetch_metrics", "fetch_series",
    }  # fmt: skip
    assert callable(alpha_runs.download_files)
    assert set(filters.__all__) == {"Filter", "AttributeFilter", "Attribute", "KNOWN_TYPES"}
    assert filters.KNOWN_TYPES - {"file"} == frozenset(filters.KNOWN_TYPES) - {"file"}
    assert isinstance(filters.KNOWN_TYPES, frozenset)
    assert fetcher_exceptions.NeptuneWarning is not NeptuneWarning
    assert neptune_fetcher.exceptions is fetcher_exceptions
    assert alpha_runs.filters is alpha.filters is filters
    assert set(fetchable.__all__) == {"Fetchable", "FetchableAtom", "FetchableSeries"}
    assert set(neptune_fetcher.fields.__all__) == {
        "Bool", "DateTime", "Field", "FieldDefinition", "FieldType", "Float", "FloatPointValue", "FloatSeries",
        "Integer", "ObjectState", "String", "StringSet",
    }  # fmt: skip
    for name in alpha_exceptions.__all__:
        assert getattr(alpha_exceptions, name) is getattr(fetcher_exceptions, name)


def test_importing_is_silent_and_cheap() -> None:
    code = (
        "import sys, neptune_fetcher, neptune_fetcher.util, neptune_fetcher.alpha, neptune_fetcher.alpha.runs\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'numpy', 'httpx', 'tqdm'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize("project", ["team/vision", None, 5])
def test_a_run_needs_a_project_object(project: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a ReadOnlyProject, such as ReadOnlyProject\('workspace/project'\)"):
        neptune_fetcher.ReadOnlyRun(project, with_id="VIS-1")


def test_opening_an_archive_fails_as_everything_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(tmp_path / "nothing"))
    with pytest.raises(NeptuneException, match="ArchiveError: There is no archive") as caught:
        neptune_fetcher.ReadOnlyProject("team/vision")
    assert isinstance(caught.value.__cause__, ArchiveError)


def test_tables_without_a_limit_have_all_runs() -> None:
    """The README's 5000 are the largest limit, not the largest table."""
    source = MemorySource([MemoryRun(f"run-{number}") for number in range(5001)])
    project = neptune_fetcher.ReadOnlyProject("ws/proj", source=source)
    assert len(project.fetch_runs_df(trashed=None)) == 5001
    assert len(project.fetch_runs_df(trashed=None, limit=5000)) == 5000


def test_a_warning_is_shown_once_unless_a_filter_says_otherwise() -> None:
    code = "from neptune_fetcher.util import warn\nwarn('one')\nwarn('one')\nwarn('two')\n"
    for option, expected in (
        ("default::ImportWarning", (1, 1)),
        ("always", (2, 1)),
        ("ignore", (0, 0)),
        ("error", (1, 0)),
    ):
        run = subprocess.run([sys.executable, "-W", option, "-c", code], capture_output=True, text=True, check=False)
        shown = run.stderr.count("NeptuneWarning: one"), run.stderr.count("NeptuneWarning: two")
        assert (shown, run.returncode) == (expected, option == "error"), run.stderr


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_token_is_an_invalid_one(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_API_TOKEN", blank)
    monkeypatch.setattr("neptune_fetcher.alpha._context._context", alpha.Context())
    with pytest.raises(fetcher_exceptions.InvalidApiTokenException, match="it is empty"):
        neptune_fetcher.ReadOnlyProject("team/vision")
    with pytest.raises(fetcher_exceptions.InvalidApiTokenException, match="it is empty"):
        alpha.list_experiments(context=alpha.set_context().with_project("team/vision"))


@pytest.mark.parametrize("token", ["abc", "e30=", " "])
def test_a_bad_token_keeps_its_class(token: str) -> None:
    """As in the official package, where it is an error of the layer below."""
    with pytest.raises(fetcher_exceptions.InvalidApiTokenException):
        neptune_fetcher.ReadOnlyProject("team/vision", api_token=token)


def test_exceptions_compare_by_text() -> None:
    assert NeptuneException("a") == NeptuneException("a")
    assert NeptuneException("a") != NeptuneException("b")
    assert NeptuneException("a") != Exception("a")
    assert len({NeptuneException("a"), NeptuneException("a")}) == 1
    assert pickle.loads(pickle.dumps(NeptuneException("a"))) == NeptuneException("a")


def test_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neptune_fetcher.alpha._context._context", alpha.Context())
    monkeypatch.setenv("NEPTUNE_PROJECT", " ws/proj ")
    monkeypatch.setenv("NEPTUNE_API_TOKEN", "secret ")
    context = alpha.set_context()
    assert context == alpha.get_context() == alpha.Context("ws/proj", "secret")
    assert "secret" not in repr(context)
    assert alpha.set_project("other/project") == alpha.Context("other/project", "secret")
    assert alpha.set_api_token("new").api_token == "new"
    with pytest.raises(FrozenInstanceError):
        context.project = "x"  # type: ignore[misc]
    for empty in (lambda: context.with_project(""), lambda: context.with_api_token("")):
        with pytest.raises(ValueError, match="must be given"):
            empty()
    with pytest.raises(fetcher_exceptions.NeptuneProjectNotProvided):
        alpha.list_experiments(context=alpha.Context(api_token="token"))
    with pytest.raises(fetcher_exceptions.NeptuneApiTokenNotProvided):
        alpha.list_experiments(context=alpha.Context("ws/proj"))


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Filter.eq("lr", 0.1), '`lr` == "0.1"'),
        (Filter.ne("flag", True), '`flag` != "True"'),
        (Filter.ge("when", datetime(2024, 1, 1, tzinfo=timezone.utc)), None),
        (
            Filter.gt(Attribute("m", aggregation="variance", type="float_series"), 1e-6),
            'variance(`m`:floatSeries) > "1e-06"',
        ),
        (Filter.matches_all("s", ["a", "b"]), '(`s` MATCHES "a") AND (`s` MATCHES "b")'),
        (Filter.matches_all("s", "a"), '`s` MATCHES "a"'),
        (Filter.matches_none("s", "a"), '`s` NOT MATCHES "a"'),
        (Filter.contains_all("s", ["a"]), '`s` CONTAINS "a"'),
        (Filter.contains_none("s", ["a", 'q"']), '(`s` NOT CONTAINS "a") AND (`s` NOT CONTAINS "q\\"")'),
        (Filter.exists("x"), "`x` EXISTS"),
        (Filter.name_in("a", "b"), '(`sys/name`:string == "a") OR (`sys/name`:string == "b")'),
        (
            Filter.exists("a") & Filter.exists("b") | ~Filter.exists("c"),
            "((`a` EXISTS) AND (`b` EXISTS)) OR (NOT (`c` EXISTS))",
        ),
        (Filter.all(), ""),
        (Filter.contains_all("x", []), ""),
    ],
)
def test_filters(condition: Filter, text: str | None) -> None:
    assert condition.to_query() == str(condition)
    if text is not None:
        assert str(condition) == text


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Filter.eq("a", None), TypeError, "Invalid value type: NoneType"),  # type: ignore[arg-type]
        (lambda: Filter.eq("a", [1]), TypeError, "Invalid value type: list"),  # type: ignore[arg-type]
        (lambda: Attribute("a", type="x"), ValueError, "type must be one of: "),
        (lambda: Attribute("a", aggregation="x"), ValueError, "aggregation must be one of: "),
        (lambda: AttributeFilter(type_in=["x"]), ValueError, "type_in must be a list of valid values"),
        (lambda: AttributeFilter(aggregations=["x"]), ValueError, "aggregations must be a list of valid values"),
        (lambda: Filter.all() & Filter.exists("a"), ValueError, "leave it out"),
        (lambda: ~Filter.any(), ValueError, "leave it out"),
    ],
)
def test_filters_that_cannot_be(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_filters_are_compared_by_what_they_ask() -> None:
    one = Filter.eq("a", 1) & ~Filter.exists("b")
    assert one == Filter.eq("a", 1) & ~Filter.exists("b")
    assert one == pickle.loads(pickle.dumps(one))
    assert len({one, Filter.eq("a", 1) & ~Filter.exists("b"), Filter.eq("a", 2)}) == 2
    assert one != "a"
    assert Filter.all() == Filter.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Filter.matches_all("a", ["x", 5]), r"one of them is 5 \(int\)"),  # type: ignore[list-item]
        (lambda: Filter.contains_none("a", [None]), r"one of them is None \(NoneType\)"),  # type: ignore[list-item]
        (lambda: Filter.all(Filter.exists("a"), None), "Only filters can be joined or negated, got None"),  # type: ignore[arg-type]
        (lambda: Filter.any("a"), "Only filters can be joined or negated, got 'a'"),  # type: ignore[arg-type]
        (lambda: Filter.negate(None), "Only filters can be joined or negated, got None"),  # type: ignore[arg-type]
    ],
)
def test_parts_of_filters_of_a_wrong_type(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_fields_may_be_assigned_to_and_are_checked_when_they_are_used() -> None:
    attribute = Attribute("a")
    attribute.type = "int"
    assert str(attribute) == "`a`:int"
    attribute.type = "nonsense"
    with pytest.raises(ValueError, match="type must be one of"):
        str(attribute)
    everything = AttributeFilter()
    everything.type_in = ["nonsense"]
    with pytest.raises(ValueError, match="type_in must be a list of valid values"):
        alpha.list_attributes("a", everything)
