"""Arguments of neptune_fetcher: the same answer from a server and an archive, wrong ones refused at the face."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fetcher_archive import PROJECT
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
from neptune_fetcher.util import NeptuneException

nan, inf = math.nan, math.inf


@pytest.fixture
def run(project: ReadOnlyProject) -> ReadOnlyRun:
    return ReadOnlyRun(project, with_id="EX-1", eager_load_fields=False)


@pytest.mark.parametrize("paths", ["metrics/loss", ("metrics/loss", "metrics/acc"), np.array(["metrics/loss"])])
@pytest.mark.parametrize("as_generator", [True, False])
def test_paths_may_be_any_iterable_or_one_text(
    run: ReadOnlyRun, paths: Any, as_generator: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (path for path in ([paths] if isinstance(paths, str) else paths)) if as_generator else paths
    run.prefetch_series_values(given)
    assert run._fields._series.keys() == ({paths} if isinstance(paths, str) else set(paths))
    values = run["metrics/loss"].fetch_values()["value"].to_list()
    assert values == [1.0, 0.5, 0.25]


@pytest.mark.parametrize("paths", ["params/lr", iter(["params/lr"])])
def test_values_are_prefetched_in_the_same_way(data: Path, paths: Any) -> None:
    run = ReadOnlyRun(ReadOnlyProject(PROJECT, source=data), with_id="EX-1", eager_load_fields=False)
    run.prefetch(paths)
    assert run._fields.values == {"params/lr": 0.001}


@pytest.mark.parametrize(
    ("step_range", "steps"),
    [
        ((2, None), [2, 3]),
        ([1.5, 2], [2]),
        (("1", "2"), [1, 2]),
        ((np.float32(2), np.int64(2)), [2]),
        ((-inf, inf), [1, 2, 3]),
        ((inf, None), []),
    ],
)
def test_steps_are_numbers(run: ReadOnlyRun, step_range: Any, steps: list[float]) -> None:
    frame = run["metrics/loss"].fetch_values(step_range=step_range)
    assert (frame["step"].to_list() if len(frame) else []) == steps
    run.prefetch_series_values(["metrics/loss"], step_range=step_range)
    assert len(run["metrics/loss"].fetch_values(step_range=step_range)) == len(steps)


@pytest.mark.parametrize("step_range", [(nan, None), (0, nan)])
def test_nan_is_no_step(run: ReadOnlyRun, step_range: Any) -> None:
    with pytest.raises(NeptuneException, match="holds NaN, which is no step"):
        run["metrics/loss"].fetch_values(step_range=step_range)
    with pytest.raises(NeptuneException, match="holds NaN, which is no step"):
        run.prefetch_series_values(["metrics/loss"], step_range=step_range)


@pytest.mark.parametrize("step_range", [None, 5, (1,), ("a", None), (object(), 1), {}])
def test_other_step_ranges_are_refused(run: ReadOnlyRun, step_range: Any) -> None:
    error = IndexError if step_range == (1,) else TypeError
    with pytest.raises(error, match="step_range must be a pair of numbers"):
        run["metrics/loss"].fetch_values(step_range=step_range)


@pytest.mark.parametrize("path", [None, 5, ("metrics/loss",), b"metrics/loss"])
def test_names_of_fields_are_texts(run: ReadOnlyRun, path: Any) -> None:
    with pytest.raises(TypeError, match="The name of a field must be a string, got"):
        run[path]
    if path is not None and not isinstance(path, tuple):
        with pytest.raises(TypeError, match="paths takes a list of strings"):
            run.prefetch(path)
    with pytest.raises(TypeError, match="paths takes a list of strings; one of them"):
        run.prefetch_series_values([path])


def test_paths_must_be_given(run: ReadOnlyRun) -> None:
    for call in (run.prefetch, run.prefetch_series_values):
        with pytest.raises(TypeError, match="paths takes a list of strings, got None"):
            call(None)  # type: ignore[operator]
        call([])  # type: ignore[operator]


@pytest.mark.parametrize(
    ("trashed", "found"),
    [(True, 1), ("True", 1), (1, 1), (np.True_, 1), (False, 4), ("false", 4), (0, 4), (None, 5)],
)
def test_trashed_is_a_truth_value_or_none(project: ReadOnlyProject, trashed: Any, found: int) -> None:
    assert len(project.fetch_runs_df(trashed=trashed)) == found


@pytest.mark.parametrize("trashed", ["", "no", "x", 2, [], 0.5])
def test_other_words_for_trashed_are_refused(project: ReadOnlyProject, trashed: Any) -> None:
    for call in (project.fetch_runs_df, project.fetch_experiments_df):
        with pytest.raises(TypeError, match="trashed must be True, False or None, got"):
            call(trashed=trashed)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sort_by": None}, "sort_by must be a string, got None"),
        ({"sort_by": 5}, "sort_by must be a string, got 5"),
        ({"limit": nan}, "limit must be an integer or None, got nan"),
        ({"limit": "1"}, "limit must be an integer or None, got '1'"),
        ({"columns": 5}, r"columns takes a list of strings, got 5 \(int\)"),
        ({"states": 5}, "states takes a list of strings, got 5"),
        ({"names_regex": 5}, "names_regex takes a list of strings, got 5"),
    ],
)
def test_wrong_types_in_tables(project: ReadOnlyProject, wrong: dict[str, Any], message: str) -> None:
    for call in (project.fetch_runs_df, project.fetch_experiments_df):
        with pytest.raises(TypeError, match=message):
            call(**wrong)


@pytest.mark.parametrize("limit", [inf, -inf, 0, 5001, 2**70])
def test_limits_out_of_range(project: ReadOnlyProject, limit: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="limit"):
        project.fetch_runs_df(limit=limit)
    with pytest.raises(ValueError, match="can't be higher than 5000"):
        project.fetch_runs_df(limit=inf)


def test_numpy_counts_and_texts_are_accepted(project: ReadOnlyProject) -> None:
    names = np.array(["tree_32", "tree_33"])
    frame = project.fetch_experiments_df(np.array(["params/lr"]), names_regex=names[:1], limit=np.int64(3))
    assert frame["params/lr"].to_list() == [0.001]
    frame = project.fetch_experiments_df(["params/lr"], names_exclude_regex=names, limit=2.0)
    assert len(frame) == 0


@pytest.mark.parametrize("identifier", ["with_id", "custom_id", "experiment_name"])
def test_identifiers_are_texts(project: ReadOnlyProject, identifier: str) -> None:
    with pytest.raises(TypeError, match=f"{identifier} must be a string or None, got 5"):
        ReadOnlyRun(project, **{identifier: 5})  # type: ignore[arg-type]


def test_a_token_of_another_type_is_not_shown() -> None:
    with pytest.raises(TypeError, match=r"api_token must be a string or None, got bytes$"):
        ReadOnlyProject(PROJECT, api_token=b"secret")  # type: ignore[arg-type]
