"""Every result is read directly by what reads Arrow, and shows itself without letting names be HTML."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

import neptune_frames as nf
import neptune_query as nq
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun, alpha
from neptune_frames.writing.exporter_layout import float_series_rows, object_series_rows, parameter_rows, write_run

EVIL = "<script>alert('x')</script>&\"<b>"
PROJECT = "team/vision"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs in one project, whose names, attributes and values are HTML."""
    root = tmp_path_factory.mktemp("exports") / "export"
    for number in (1, 2):
        name = f"{EVIL}{number}"
        parameters = {
            "sys/id": f"VIS-{number}",
            "sys/custom_run_id": name,
            "sys/name": name,
            "sys/experiment/name": name,
            "sys/experiment/is_head": True,
            "sys/tags": {EVIL, "plain"},
            f"config/{EVIL}": EVIL,
            "config/lr": 0.1 * number,
        }
        steps = [float(step) for step in range(20)]
        rows = [
            parameter_rows(parameters),
            float_series_rows({EVIL: (steps, [step * number for step in steps])}),
            object_series_rows({f"text/{EVIL}": (steps[:3], [EVIL] * 3)}, "string_series"),
        ]
        write_run(root / "data", PROJECT, name, rows)
    return root


FETCHES: dict[str, Callable[..., Any]] = {
    "metrics": lambda **where: nf.fetch_metrics(include_time="absolute", include_point_previews=True, **where),
    "series": lambda **where: nf.fetch_series(include_time="absolute", **where),
    "buckets": lambda **where: nf.fetch_buckets(limit=4, **where),
    "table": lambda **where: nf.fetch_table(**where),
}
SUMMARIES = {
    "metrics": "MetricsResult: 40 points; wide: .collect() .lazy() .to_pandas(); long: .long() .to_arrow(); .plot()",
    "series": "ObjectSeries: 6 points; .collect() .lazy() .to_arrow() .to_pandas()",
    "buckets": "BucketedMetrics: 10 buckets of 2 series; .collect() .lazy() .to_arrow() .to_pandas()",
    "table": "RunTable: 2 experiments x 11 attributes; .collect() .lazy() .to_arrow() .to_pandas()",
}
#: Who reads a result as it is, and gives a Polars frame of what it read.
READERS: dict[str, Callable[[Any], pl.DataFrame]] = {
    "pyarrow": lambda result: pl.DataFrame(pa.table(result)),
    "pyarrow stream": lambda result: pl.DataFrame(pa.RecordBatchReader.from_stream(result).read_all()),
    "polars": lambda result: pl.DataFrame(result),
    "duckdb": lambda result: duckdb.sql("select * from result").pl(),
    "pandas": lambda result: pl.DataFrame(pd.DataFrame.from_arrow(result).convert_dtypes(dtype_backend="pyarrow")),
}


@pytest.fixture(params=list(FETCHES))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def result(kind: str, archive: Path) -> Any:
    return FETCHES[kind](project=PROJECT, experiments="", source=archive)


def rows_of(result: Any) -> pl.DataFrame:
    """What a reader is to find: the long frame of metrics, the frame of everything else."""
    frame = result.long().collect() if isinstance(result, nf.MetricsResult) else result.collect()
    return plain(frame)


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Without what each reader is free to choose: how text is kept, units and zones of times."""
    return frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String), pl.selectors.datetime().dt.epoch("ms"))


@pytest.mark.parametrize("reader", list(READERS))
def test_who_reads_arrow_reads_a_result(result: Any, kind: str, reader: str) -> None:
    if reader == "pandas" and not hasattr(pd.DataFrame, "from_arrow"):
        pytest.skip("pandas before 3 does not read Arrow streams")
    got, expected = plain(READERS[reader](result)), rows_of(result)
    assert got.columns == expected.columns
    assert_frame_equal(got, expected, check_dtypes=False)


def test_the_ways_out_agree(result: Any) -> None:
    assert_frame_equal(plain(pl.DataFrame(result.to_arrow())), rows_of(result), check_dtypes=False)
    assert result.lazy().collect().equals(result.collect())
    assert isinstance(result.to_pandas(), pd.DataFrame)


def test_a_lazy_query_is_read_as_a_stream(archive: Path) -> None:
    points = nf.scan_metrics(project=PROJECT, experiments="", source=archive).filter(pl.col("step") > 10)
    stream = points.collect_batches(lazy=True)  # noqa: F841  (DuckDB finds it by its name)
    assert duckdb.sql("select count(*) from stream").fetchall() == [(18,)]


def test_a_result_says_how_much_it_holds(result: Any, kind: str) -> None:
    first, _, rest = repr(result).partition("\n")
    assert first == SUMMARIES[kind]
    if kind == "metrics":  # whose frame shows not all of them
        note, _, rest = rest.partition("\n")
        assert note == "the first 8 points:"
        assert f"<br>{note}</p>" in result._repr_html_()
    assert rest.startswith("shape: (")
    assert len(repr(result)) < 5_000


def test_a_result_has_a_length_and_completes_to_its_ways_out(result: Any, kind: str) -> None:
    assert len(result) == {"metrics": 40, "series": 6, "buckets": 10, "table": 2}[kind]
    offered = {name for name in dir(result) if not name.startswith("_")}
    more = {"kind", "long", "plot"} if kind == "metrics" else set()
    assert offered == {"collect", "lazy", "to_arrow", "to_pandas", *more}


def test_few_points_are_all_shown(archive: Path) -> None:
    few = nf.fetch_metrics(project=PROJECT, experiments="", tail_limit=2, source=archive)
    assert "the first" not in repr(few) + few._repr_html_()


def test_results_are_plotted_with_the_arguments_of_plot(archive: Path) -> None:
    own, function = (inspect.signature(each).parameters for each in (nf.MetricsResult.plot, nf.plot))
    assert {name: each.default for name, each in own.items() if name != "self"} == {
        name: each.default for name, each in function.items() if name != "frame"
    }
    points = nf.fetch_metrics(project=PROJECT, experiments="", source=archive)
    assert points.plot(by="attribute").to_json() == nf.plot(points, by="attribute").to_json()
    assert points.plot(by="attribute").to_json() != points.plot().to_json()


def test_sources_say_what_they_are(archive: Path) -> None:
    assert repr(nf.open_source(archive)) == f"ArchiveSource({str(archive)!r})"


@pytest.mark.parametrize("address", ["http://127.0.0.1:8600", "https://app.neptune.ai"])
def test_the_address_of_a_server_is_no_source(address: str) -> None:
    with pytest.raises(nf.errors.ArchiveError, match=r"named by an API token.* `neptune-frames token URL` prints one"):
        nf.open_source(address)


@pytest.mark.filterwarnings("ignore:A value of type")
def test_fields_complete_without_a_request(archive: Path) -> None:
    project = ReadOnlyProject(PROJECT, source=archive)
    known = [ReadOnlyRun(project, "VIS-1", eager_load_fields=eager) for eager in (True, False)]
    eager, lazy = (run._ipython_key_completions_() for run in known)
    assert {"config/lr", "sys/id"} <= set(eager)
    assert lazy == []


def test_a_relative_archive_stays_where_it_was(archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(archive.parent)
    monkeypatch.setenv("NEPTUNE_ARCHIVE", archive.name)
    scan = nf.scan_metrics(project=PROJECT, experiments="")
    monkeypatch.chdir(tmp_path)
    assert scan.collect().height == 40


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda: nf.list_runs(), nf.errors.NeptuneProjectNotProvided),
        (lambda: nf.scan_metrics(runs=""), nf.errors.NeptuneProjectNotProvided),
        (lambda: nq.list_experiments(), nf.errors.NeptuneProjectNotProvided),
        (lambda: alpha.list_experiments(), nf.errors.NeptuneProjectNotProvided),
        (lambda: ReadOnlyProject(), ValueError),
    ],
)
def test_who_gives_no_project_is_told_which_there_are(
    archive: Path, ask: Callable[[], object], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error) as caught:
        ask()
    assert "The archive" not in str(caught.value)
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(archive))
    with pytest.raises(error, match=r"No project was given.* The archive holds 'team/vision'\.$"):
        ask()


def test_projects(archive: Path) -> None:
    assert nf.list_projects(source=archive) == [PROJECT]
    with pytest.raises(nf.errors.NeptuneProjectNotProvided, match="holds 'team/vision'"):
        nf.list_runs(source=archive)
    token = base64.b64encode(b'{"api_address": "http://127.0.0.1:1"}').decode()
    with pytest.raises(nf.errors.NeptuneUserError, match="does not list its projects; only archives do"):
        nf.list_projects(source=token)


def test_no_name_becomes_html(result: Any) -> None:
    page = result._repr_html_()
    assert page.startswith(f"<p>{type(result).__name__}: ")
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "<b>" not in page


def test_results_without_a_row(archive: Path, kind: str) -> None:
    empty = FETCHES[kind](project=PROJECT, experiments=["nobody"], source=archive)
    assert ": 0 " in repr(empty)
    assert empty._repr_html_().startswith("<p>")
    for read in (pa.table, pl.DataFrame):
        assert len(read(empty)) == 0
    assert len(empty.to_pandas()) == 0


def test_one_of_something_is_in_the_singular(archive: Path) -> None:
    where = {"source": archive, "project": PROJECT, "runs": [f"{EVIL}1"]}
    table = nf.fetch_table(**where, attributes=["config/lr"])
    assert repr(table).startswith("RunTable: 1 run x 1 attribute;")
    points = nf.fetch_metrics(**where, attributes=[EVIL], tail_limit=1)
    assert repr(points).startswith("MetricsResult: 1 point;")
    plan = nf.explain(nf.scan_metrics(**where, attributes=[EVIL]).head(1))
    assert "1 points" not in plan
    assert "first point" in plan
