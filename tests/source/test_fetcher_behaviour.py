"""neptune_fetcher on the reference's running example, from a server and from the files: frames, values, errors."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from archive_layout_small import PROJECT as SMALL_PROJECT
from archive_layout_small import write_small_run
from fetcher_archive import PROJECT
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
from neptune_fetcher.util import NeptuneException, NeptuneWarning
from neptune_frames.errors import InvalidApiTokenError, NeptuneProjectInaccessible, NeptuneUnexpectedResponseError
from pandas_dtypes import TEXT_DTYPE, TIME_DTYPE

pytest.importorskip("starlette")
from neptune_frames.server.testing import RunningServer, serve_in_thread

pytestmark = pytest.mark.filterwarnings("ignore:.*is not supported here")


def ids(frame: pd.DataFrame) -> set[str]:
    return set(frame["sys/id"])


def test_listings(project: ReadOnlyProject) -> None:
    assert project.project_identifier == PROJECT
    assert list(project.list_runs()) == [
        {"sys/id": "EX-4", "sys/name": "tree_34", "sys/custom_run_id": "old_head"},
        {"sys/id": "EX-3", "sys/name": None, "sys/custom_run_id": "plain_run"},
        {"sys/id": "EX-2", "sys/name": "tree_33", "sys/custom_run_id": "high_albattani"},
        {"sys/id": "EX-1", "sys/name": "tree_32", "sys/custom_run_id": "nostalgic_shockley"},
    ]
    assert [found["sys/id"] for found in project.list_experiments()] == ["EX-2", "EX-1"]
    frame = project.fetch_runs()
    assert frame.columns.to_list() == ["sys/custom_run_id", "sys/id", "sys/name"]
    assert frame["sys/id"].to_list() == ["EX-3", "EX-2", "EX-1", "EX-4"]
    assert project.fetch_experiments()["sys/id"].to_list() == ["EX-2", "EX-1"]


def test_the_frame_of_the_reference(project: ReadOnlyProject) -> None:
    """Section 9, but for `sys/state`, which follows the README."""
    frame = project.fetch_runs_df(
        columns=["metrics/acc", "nope", "sys/tags", "params/batch", "sys/state", "model"],
        columns_regex="metrics/loss",
        sort_by="params/lr",
        ascending=True,
    )
    nan = np.nan
    expected = pd.DataFrame(
        {
            "sys/custom_run_id": ["nostalgic_shockley", "plain_run", "high_albattani", "old_head"],
            "sys/name": ["tree_32", nan, "tree_33", "tree_34"],
            "sys/state": ["inactive"] * 4,
            "sys/tags": ["exploration,pretrained", nan, "exploration", nan],
            "metrics/acc": [0.9, nan, 0.7, nan],
            "metrics/loss": [0.25, nan, nan, nan],
            "model": [nan] * 4,
            "nope": pd.Series([pd.NA] * 4, dtype=object),
            "params/batch": [32.0, 64.5, 64.0, nan],
            "params/lr": [0.001, 0.002, 0.01, nan],
        }
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert all(cell is pd.NA for cell in frame["nope"])


def test_dtypes_with_and_without_gaps(project: ReadOnlyProject) -> None:
    columns = ["sys/failed", "params/lr", "params/batch", "params/opt", "sys/creation_time"]
    full = project.fetch_runs_df(columns, with_ids=["EX-1", "EX-2"])
    assert [str(full[name].dtype) for name in columns] == ["bool", "float64", "int64", TEXT_DTYPE, TIME_DTYPE]
    gaps = project.fetch_runs_df(columns, with_ids=["EX-1", "EX-4"])
    assert [str(gaps[name].dtype) for name in columns] == ["object", "float64", "float64", TEXT_DTYPE, TIME_DTYPE]
    failed = gaps["sys/failed"].to_list()
    assert failed[0] is False
    assert np.isnan(failed[1])
    model = project.fetch_runs_df(["model"], with_ids=["EX-3"])["model"]
    assert (model.dtype, model[0]) == (object, None)


def test_numbers_of_both_kinds_are_floats_unless_beside_something_else(tmp_path: Path) -> None:
    for number, (twofold, threefold) in enumerate([(7, 7), (0.5, 0.5), (2, "text")]):
        write_small_run(tmp_path, number, points=1, twofold=twofold, threefold=threefold)
    frame = ReadOnlyProject(SMALL_PROJECT, source=tmp_path).fetch_runs_df(["twofold", "threefold"])
    frame = frame.sort_values("sys/custom_run_id")
    assert frame["twofold"].dtype == float
    assert frame["threefold"].to_list() == [7, 0.5, "text"]
    assert [type(cell) for cell in frame["threefold"]] == [int, float, str]


def test_column_order(project: ReadOnlyProject) -> None:
    frame = project.fetch_runs_df(
        ["monitoring/cpu", "a", "Z", "system", "monitoringx/a", "a/b", "sys/id"], sort_by="sys/id"
    )
    assert frame.columns.to_list() == [
        "sys/custom_run_id", "sys/id", "sys/name", "Z", "a", "a/b", "monitoringx/a", "system", "monitoring/cpu",
    ]  # fmt: skip
    assert frame.columns.name is None
    assert frame.index.equals(pd.RangeIndex(4))


def test_empty_table(project: ReadOnlyProject) -> None:
    frame = project.fetch_runs_df(["b"], with_ids=["none"])
    assert frame.columns.to_list() == ["sys/creation_time", "sys/custom_run_id", "sys/name", "b"]
    assert set(frame.dtypes) == {np.dtype(object)}
    assert isinstance(frame.index, pd.RangeIndex)
    assert len(frame) == 0


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, "1234"),
        ({"trashed": True}, "5"),
        ({"trashed": None}, "12345"),
        ({"with_ids": ["EX-1", "EX-2", "EX-5"]}, "12"),
        ({"with_ids": []}, "1234"),
        ({"with_ids": ["EX-5"], "trashed": None}, "5"),
        ({"custom_ids": ["plain_run", 'a"b\\c']}, "3"),
        ({"states": ["active"]}, ""),
        ({"states": ["inactive", "ACTIVE"]}, "1234"),
        ({"states": ["Inactive"], "tags": ["exploration"]}, "12"),
        ({"owners": ['the "boss"', "nobody"]}, "1"),
        ({"tags": ["exploration", "pretrained"]}, "1"),
        ({"tags": "exploration"}, "12"),
        ({"tags": ['quo"te']}, ""),
        ({"names_regex": "tree_3[2-3]+"}, "12"),
        ({"names_regex": ["tree", "3$"]}, "2"),
        ({"names_regex": ""}, "124"),
        ({"names_regex": r'exp\d"x'}, ""),
        ({"custom_id_regex": "^n|_run$"}, "13"),
        ({"query": "`params/lr`:float < 0.005"}, "13"),
        ({"query": "`params/lr`:float < 0.005 OR `params/lr`:float > 0.005", "with_ids": ["EX-2"]}, "2"),
        ({"query": "last(`metrics/acc`:floatSeries) > 0.88"}, "1"),
        ({"query": "`sys/state`:experimentState = idle"}, "1234"),
    ],
)
def test_criteria(project: ReadOnlyProject, criteria: dict[str, Any], found: str) -> None:
    assert ids(project.fetch_runs_df(["sys/id"], **criteria)) == {f"EX-{number}" for number in found}


def test_experiments_exclude_by_name(project: ReadOnlyProject) -> None:
    assert ids(project.fetch_experiments_df(["sys/id"], names_exclude_regex=["32", "zz"])) == {"EX-2"}
    assert ids(project.fetch_experiments_df(["sys/id"], names_exclude_regex="3")) == set()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"limit": 0}, ValueError, "limit.*greater than 0"),
        ({"limit": 5001}, ValueError, "limit.*can't be higher than"),
        ({"limit": "3"}, TypeError, "limit"),
        ({"with_ids": [1]}, TypeError, "with_ids"),
        ({"tags": ["t"] * 5001}, ValueError, r"Too many tags provided \(5001\).*5000"),
        ({"owners": ["o" * 60_000] * 2}, ValueError, "Too many characters in the owners.*120000.*100000"),
        ({"query": "a" * 250_001}, ValueError, "query.*250001.*250000"),
        (
            {"custom_ids": [f"{number:040}" for number in range(2499)], "with_ids": ["x" * 50] * 1900},
            ValueError,
            "narrower",
        ),
        ({"states": ["foo"]}, ValueError, "Can't map RunState.*foo"),
        ({"query": ""}, NeptuneException, "empty"),
        ({"query": "(("}, NeptuneException, "QuerySyntaxError"),
        ({"names_regex": "("}, NeptuneException, r"\("),
        ({"columns_regex": "("}, NeptuneException, r"\("),
    ],
)
def test_refused(project: ReadOnlyProject, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"(?s){message}"):
        project.fetch_runs_df(**arguments)


@pytest.mark.parametrize("value", ["", [], ["a", ""]])
@pytest.mark.parametrize("parameter", ["names_regex", "names_exclude_regex"])
def test_experiments_refuse_empty_patterns(project: ReadOnlyProject, parameter: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{parameter}.*empty string|{parameter}.*cannot be empty"):
        project.fetch_experiments_df(**{parameter: value})
    with pytest.raises(TypeError):
        project.fetch_runs_df(names_exclude_regex="a")  # type: ignore[call-arg]


def test_sort_types_are_looked_up(project: ReadOnlyProject) -> None:
    with pytest.warns(NeptuneWarning, match="field 'metrics/acc'. No run has it as .* The rows are not sorted by it"):
        project.fetch_runs_df(sort_by="metrics/acc")
    with pytest.warns(NeptuneWarning, match=r"'params/batch': \['float', 'int'\]\. Using float\. Runs"):
        frame = project.fetch_runs_df(sort_by="params/batch")
    assert frame["sys/custom_run_id"][0] == "plain_run"
    assert project.fetch_runs_df(sort_by="params/lr", limit=1)["sys/name"].to_list() == ["tree_33"]


def test_large_tables_are_mentioned(project: ReadOnlyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_WARN_AT_DATAFRAME_SIZE", "3")
    with pytest.warns(NeptuneWarning, match="a dataset that is over . entries large"):
        project.fetch_runs_df()
    monkeypatch.setenv("NEPTUNE_WARN_AT_DATAFRAME_SIZE", "0")
    project.fetch_runs_df()


def test_read_only_runs(project: ReadOnlyProject) -> None:
    runs = project.fetch_read_only_runs(with_ids=["EX-1", "EX-2", "EX-5", "none"], custom_ids=["nostalgic_shockley"])
    assert [run.with_id for run in runs] == ["EX-2", "EX-1", "EX-1"]
    assert list(project.fetch_read_only_runs()) == []
    assert [run.with_id for run in project.fetch_read_only_experiments(["tree_32", "tree_34"])] == ["EX-1"]
    assert list(project.fetch_read_only_experiments([])) == []


@pytest.mark.parametrize(
    ("identifiers", "message"),
    [
        ({}, "exactly one of"),
        ({"with_id": "EX-1", "custom_id": ""}, "exactly one of"),
        ({"with_id": "EX-9"}, "No experiment found with Neptune ID 'EX-9'"),
        ({"with_id": "EX-5"}, "No experiment found with Neptune ID 'EX-5'"),
        ({"custom_id": "zz"}, "No experiment found with custom id 'zz'"),
        ({"experiment_name": "tree_34"}, "No experiment found with name 'tree_34'"),
    ],
)
def test_runs_not_found(project: ReadOnlyProject, identifiers: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReadOnlyRun(project, **identifiers)


@pytest.mark.parametrize("eager", [True, False])
def test_values(project: ReadOnlyProject, eager: bool) -> None:
    run = ReadOnlyRun(project, experiment_name="tree_32", eager_load_fields=eager)
    assert run.with_id == "EX-1"
    assert run.project is project
    expected = {
        "params/lr": 0.001,
        "params/batch": 32,
        "params/opt": "Adam",
        "sys/failed": False,
        "sys/creation_time": datetime(2024, 1, 15, 8, tzinfo=timezone.utc),
        "sys/tags": {"exploration", "pretrained"},
        "sys/state": "inactive",
        "metrics/acc": 0.9,
    }
    found = {path: run[path].fetch() for path in expected}
    assert found == expected
    assert {path: type(value) for path, value in found.items()} == {
        path: type(value) for path, value in expected.items()
    }
    assert run["metrics/loss"].fetch_last() == 0.25
    assert not hasattr(run["params/lr"], "fetch_values")
    with pytest.raises(KeyError, match="nope") as missing:
        run["nope"]
    assert missing.value.__context__ is None  # it comes without errors that say how it was looked up
    names = list(run.field_names)
    assert names == sorted(names)
    assert {"params/lr", "metrics/loss", "sys/id"} <= set(names)


def test_long_names_are_not_listed(project: ReadOnlyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_MAX_ACCEPTABLE_PATH_SIZE", "9")
    run = ReadOnlyRun(project, with_id="EX-1")
    assert "metrics/loss" not in run.field_names
    assert run["metrics/loss"].fetch() == 0.25


def test_unsupported_fields(project: ReadOnlyProject) -> None:
    run = ReadOnlyRun(project, with_id="EX-3")
    for path in ("log/out", "model"):
        assert run[path].fetch() is None
        assert run[path].fetch_last() is None  # type: ignore[attr-defined]
        assert run[path].fetch_values(1, any=2).equals(pd.DataFrame())  # type: ignore[attr-defined]


def test_unsupported_types_are_mentioned_once(project: ReadOnlyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neptune_fetcher.util._warned", set())

    def twice() -> None:
        for _ in range(2):
            ReadOnlyRun(project, with_id="EX-3")
            project.fetch_runs_df(["log/out", "model"])

    with pytest.warns(NeptuneWarning) as caught:
        twice()
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 2
    for wire_type in ("stringSeries", "fileRef"):
        assert any(f"of type `{wire_type}` " in text and "not supported" in text for text in texts)


@pytest.mark.parametrize("prefetched", [True, False])
def test_series(project: ReadOnlyProject, prefetched: bool) -> None:
    run = ReadOnlyRun(project, with_id="EX-1")
    if prefetched:
        run.prefetch_series_values(["metrics/loss", "metrics/loss", "sys/id", "nope"], use_threads=True)
    series = run["metrics/loss"]
    times = pd.to_datetime(["2024-05-01 00:00:00", "2024-05-01 00:00:01", "2024-05-01 00:00:02"], utc=True)
    whole = pd.DataFrame({"step": [1.0, 2.0, 3.0], "value": [1.0, 0.5, 0.25], "timestamp": times.astype(TIME_DTYPE)})
    whole.index = pd.Index([0, 1, 2])
    pd.testing.assert_frame_equal(series.fetch_values(), whole)  # type: ignore[attr-defined]
    pd.testing.assert_frame_equal(series.fetch_values(include_timestamp=False), whole[["step", "value"]])  # type: ignore[attr-defined]
    previews = series.fetch_values(include_point_previews=True, progress_bar=True)  # type: ignore[attr-defined]
    assert previews.columns.to_list() == ["step", "value", "timestamp", "preview", "completion_ratio"]
    assert previews.dtypes.astype(str).to_list()[3:] == ["bool", "float64"]
    assert previews["completion_ratio"].to_list() == [1.0] * 3
    assert series.fetch_values(step_range=(2.0, 3.0))["step"].to_list() == [2.0, 3.0]  # type: ignore[attr-defined]
    assert series.fetch_values(step_range=[None, 2])["step"].to_list() == [1.0, 2.0]  # type: ignore[attr-defined]
    for nothing in ((7, None), (5, 1)):
        empty = series.fetch_values(step_range=nothing)  # type: ignore[attr-defined]
        assert (empty.shape, type(empty.index)) == ((0, 0), pd.RangeIndex)
    with pytest.raises(TypeError):
        series.fetch_values(True)  # type: ignore[attr-defined]


def test_frames_do_not_share_memory_with_the_cache(project: ReadOnlyProject) -> None:
    run = ReadOnlyRun(project, with_id="EX-1")
    run.prefetch_series_values(["metrics/loss"])
    first = run["metrics/loss"].fetch_values()  # type: ignore[attr-defined]
    first.loc[:, "value"] = -1.0
    first.iloc[0, 0] = 99.0
    assert run["metrics/loss"].fetch_values()["value"].to_list() == [1.0, 0.5, 0.25]  # type: ignore[attr-defined]
    assert run["metrics/loss"].fetch_values()["step"].to_list() == [1.0, 2.0, 3.0]  # type: ignore[attr-defined]


def test_runs_are_not_iterated(project: ReadOnlyProject) -> None:
    run = ReadOnlyRun(project, with_id="EX-1")
    with pytest.raises(TypeError):
        "sys/id" in run  # type: ignore[operator]  # noqa: B015
    with pytest.raises(TypeError):
        iter(run)  # type: ignore[call-overload]


def test_unknown_project(data: Path, server: RunningServer) -> None:
    with pytest.raises(
        NeptuneException, match=r"^\nProjectNotFoundError: Project 'no/where' .* HTTP status 404\."
    ) as caught:
        ReadOnlyProject("no/where", server.api_token)
    assert "{" not in str(caught.value)  # not the body as it came
    cause = caught.value.__cause__
    assert isinstance(cause, NeptuneUnexpectedResponseError)
    assert isinstance(cause, NeptuneProjectInaccessible)
    assert (cause.status_code, cause.project) == (404, "no/where")
    assert cause.content
    assert str(pickle.loads(pickle.dumps(cause))) == str(cause)
    with pytest.raises(NeptuneException, match=r"^\nNeptuneProjectInaccessible: "):
        ReadOnlyProject("no/where", source=data)


def test_rejected_token(data: Path) -> None:
    with serve_in_thread(data, token="another secret") as strict, serve_in_thread(data) as open_server:
        wrong = _with_address(open_server.api_token, strict.url)
        with pytest.raises(NeptuneException, match=r"^\nNeptuneInvalidCredentialsError: ") as caught:
            ReadOnlyProject(PROJECT, wrong)
    assert wrong not in str(caught.value)


def _with_address(token: str, url: str) -> str:
    import base64
    import json

    fields = json.loads(base64.b64decode(token))
    return base64.b64encode(json.dumps({**fields, "api_url": url, "api_address": url}).encode()).decode()


def test_credentials(data: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project is checked before the token; explicit arguments win, then the archive, then the token."""
    with pytest.raises(ValueError, match="NEPTUNE_PROJECT"):
        ReadOnlyProject()
    with pytest.raises(ValueError, match="NEPTUNE_API_TOKEN"):
        ReadOnlyProject(PROJECT)
    with pytest.raises(InvalidApiTokenError, match=r"^The API token|^Invalid API token"):
        ReadOnlyProject(PROJECT, "nonsense")
    monkeypatch.setenv("NEPTUNE_PROJECT", PROJECT)
    monkeypatch.setenv("NEPTUNE_API_TOKEN", server.api_token)
    assert "RemoteSource" in repr(ReadOnlyProject()._source)
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(data))
    assert "RemoteSource" not in repr(ReadOnlyProject()._source)
    assert "RemoteSource" in repr(ReadOnlyProject("", server.api_token)._source)
