"""`nf.pivot` and `nf.align` on frames of any origin: what they ask of a source, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames.errors import NeptuneRetryError, QuerySyntaxError

attribute, step, value = pl.col("attribute"), pl.col("step"), pl.col("value")


@pytest.fixture
def source() -> MemorySource:
    points = [(float(at), at / 2, 1000 * at) for at in range(6)]
    return MemorySource(
        [MemoryRun(label, series={"acc": points, "loss": points[::2], "val/loss": points[:2]}) for label in "BA"]
    )


def scan(source: MemorySource, **arguments: object) -> pl.LazyFrame:
    return nf.scan_metrics(project="ws/proj", runs="", source=source, **arguments)


def asked(source: MemorySource) -> list[str]:
    return [call[0] for call in source.calls]


SMOOTH = value.rolling_mean(2).over("run", "attribute", order_by="step").alias("smooth")
NEEDS_NAMES_ONLY: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
    lambda q: q,
    lambda q: q.filter(step > 2),
    lambda q: q.filter(attribute != "acc", value > 1),
    lambda q: q.with_columns(SMOOTH).filter(pl.col("smooth") > 0),
    lambda q: q.sort("attribute", "step").with_columns(value * 2),
    lambda q: q.group_by("run", "attribute", "step").agg(value.max()),
    lambda q: q.group_by("run", "attribute", step // 2).agg(value.max()),
    lambda q: q.select("attribute", "run", value.log(), step=step * 2),
    lambda q: q.join(q.group_by("run").agg(best=value.max()), on="run").filter(pl.col("best") > 0),
    lambda q: pl.concat([q.filter(attribute == "acc"), q.filter(attribute == "loss")]),
]
NEEDS_ROWS: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
    lambda q: q.with_columns(attribute + "/twice", value * 2),
    lambda q: pl.concat([q, q.with_columns(attribute=pl.lit("one"))]),
    lambda q: q.drop("attribute").rename({"project": "attribute"}),
    lambda q: q.join(pl.LazyFrame({"attribute": ["acc"]}), on="attribute"),
    lambda q: q.with_columns(pl.coalesce(pl.lit("a").alias("attribute"), "attribute"), value.cum_sum()),
    lambda q: q.group_by("run", "step").agg(attribute.min(), value.min()),
    lambda q: pl.concat([q, q.collect().lazy()]),
    lambda q: q.map_batches(lambda frame: frame.with_columns(attribute.str.to_uppercase())),
]


@pytest.mark.parametrize("query", NEEDS_NAMES_ONLY)
def test_a_scan_is_asked_for_names_and_not_for_points(
    source: MemorySource, query: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> None:
    wide = nf.pivot(query(scan(source)), values="value")
    assert "float_points" not in asked(source)
    frame = wide.collect()
    assert asked(source).count("float_points") <= 2  # as many as the query has scans
    assert frame.schema == wide.collect_schema()
    rows = query(scan(source)).collect()
    assert set(rows["attribute"]) <= set(frame.columns)
    assert frame.unpivot(index=["run", "step"]).drop_nulls("value").height == rows.height


@pytest.mark.parametrize("query", NEEDS_ROWS)
def test_names_that_a_query_makes_are_found(
    source: MemorySource, query: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> None:
    rows = query(scan(source)).collect()
    assert nf.pivot(query(scan(source))).collect().columns == ["run", "step", *sorted(set(rows["attribute"]))]


def test_the_columns_of_a_scan_do_not_depend_on_its_points(source: MemorySource) -> None:
    late = nf.pivot(scan(source).filter(step > 2)).collect()
    assert late.columns == ["run", "step", "acc", "loss", "val/loss"]
    assert late["val/loss"].null_count() == late.height == 6


def test_named_attributes_ask_nothing_and_keep_their_order(source: MemorySource) -> None:
    wide = nf.pivot(scan(source), attributes=["loss", "absent", "acc", "loss"])
    assert wide.collect_schema().names() == ["run", "step", "loss", "absent", "acc"]
    assert source.calls == []
    assert wide.collect().rows()[:2] == [("A", 0.0, 0.0, None, 0.0), ("A", 1.0, None, None, 0.5)]
    assert "definitions" not in asked(source)


def test_attributes_are_named_as_everywhere_else(source: MemorySource) -> None:
    for pattern, names in [("loss", ["loss", "val/loss"]), ("loss & !val", ["loss"]), ("nothing", [])]:
        assert nf.pivot(scan(source), attributes=pattern).collect().columns == ["run", "step", *names]
        assert nf.pivot(scan(source).collect(), attributes=pattern).collect().columns == ["run", "step", *names]
    assert "float_points" not in asked(source)[:2]


def test_frames_are_taken_from_whoever_has_one(source: MemorySource) -> None:
    result = nf.fetch_metrics(project="ws/proj", runs="", source=source)
    rows = result.long().collect()
    for frame in (result, rows, rows.lazy(), rows.to_arrow(), rows.to_pandas()):
        assert nf.pivot(frame).collect().equals(result.collect())
        assert nf.align(frame, steps=[0]).collect()["value"].to_list() == [0.0] * 6
        assert nf.plot(frame).to_dict()["title"]["subtitle"] == ["all 22 points drawn"]


def test_conditions_on_rows_reach_the_source(source: MemorySource) -> None:
    wide = nf.pivot(scan(source), attributes=["acc"]).filter(pl.col("run") == "A", step > 3, pl.col("acc") < 2.5)
    assert wide.select("acc").collect()["acc"].to_list() == [2.0]
    ((keys, options),) = [call[1] for call in source.calls if call[0] == "float_points"]
    assert (keys.runs["run_id"].to_pylist(), options.step_range) == (["A"], (math.nextafter(3, 4), None))


@pytest.mark.parametrize(
    ("narrow", "read"),
    [
        (lambda wide: wide.select("run", "step", "loss").drop_nulls(), ["loss"]),
        (lambda wide: wide.filter(pl.col("loss") > 0).select("run", "step"), ["loss"]),
        (lambda wide: wide.filter((pl.col("loss") > 0) | (pl.col("acc") < 1)).select("loss"), ["acc", "loss"]),
        (lambda wide: wide.filter(pl.col("loss").is_not_null()).select("step", "acc"), ["acc", "loss"]),
        (lambda wide: wide.filter(pl.col("loss").is_null()).select("step", "loss"), ["acc", "loss", "val/loss"]),
        (lambda wide: wide.filter((pl.col("loss") > 0) | (step > 3)).select("loss"), ["acc", "loss", "val/loss"]),
        (lambda wide: wide.select("loss").head(3), ["acc", "loss", "val/loss"]),
        (lambda wide: wide.filter(pl.col("loss").fill_null(1) > 0).select("loss"), ["acc", "loss", "val/loss"]),
    ],
)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_attributes_that_make_no_row_are_not_read(
    source: MemorySource, narrow: Callable[[pl.LazyFrame], pl.LazyFrame], read: list[str], engine: Any
) -> None:
    frame = narrow(nf.pivot(scan(source))).collect(engine=engine)
    assert frame.equals(narrow(nf.pivot(scan(MemorySource(source.runs))).collect().lazy()).collect())
    ((keys, _),) = [call[1] for call in source.calls if call[0] == "float_points"]
    assert sorted(keys.attributes.to_pylist()) == read


def test_time_and_previews_make_structs_as_in_the_fetched_wide_frame(source: MemorySource) -> None:
    options = {"include_time": "absolute", "include_point_previews": True}
    fetched = nf.fetch_metrics(project="ws/proj", runs="", source=source, **options)
    assert nf.pivot(scan(source, **options)).collect().equals(fetched.collect())
    assert nf.pivot(fetched.long()).collect().equals(fetched.collect())
    assert nf.pivot(scan(source)).collect().equals(nf.pivot(scan(source, **options), values="value").collect())


def test_a_cell_is_one_point_of_several_at_a_step() -> None:
    nothing, first, second = (0.0, math.nan, 1000), (0.0, 5.0, 2000), (0.0, 7.0, 3000)
    series = {"loss": [nothing, first, second], "none": [nothing, (0.0, math.nan, 4000)]}
    options = {"project": "ws/proj", "runs": "", "source": MemorySource([MemoryRun("A", series=series)])}
    fetched = nf.fetch_metrics(**options, include_time="absolute").collect()
    assert [(cell["value"], cell["timestamp"].second) for cell in fetched["loss"]] == [(5.0, 2)]
    assert [(math.isnan(cell["value"]), cell["timestamp"].second) for cell in fetched["none"]] == [(True, 1)]
    assert fetched.equals(nf.pivot(nf.scan_metrics(**options, include_time="absolute")).collect())


def test_a_name_with_the_suffix_of_another_stays_a_column_of_its_own() -> None:
    series = {"step": [(0.0, 1.0, 0)], "step:float_series": [(0.0, 2.0, 0)]}
    options = {"project": "ws/proj", "runs": "", "source": MemorySource([MemoryRun("A", series=series)])}
    fetched = nf.fetch_metrics(**options).collect()
    expected = {"run": "A", "step": 0.0, "step:float_series": 1.0, "step:float_series:float_series": 2.0}
    assert fetched.row(0, named=True) == expected
    assert nf.pivot(nf.scan_metrics(**options)).collect().equals(fetched)
    assert nf.pivot(nf.scan_metrics(**options), attributes=list(series)).collect().equals(fetched)


def test_whole_steps_that_floats_cannot_tell_apart_stay_apart() -> None:
    steps = [2**53 + 1, 2**53, 2**63 - 1]
    long = pl.DataFrame({"run": "A", "attribute": "loss", "step": steps, "value": [1.0, 2.0, 3.0]})
    wide = nf.pivot(long).collect()
    assert wide["step"].to_list() == sorted(steps)
    assert wide["loss"].to_list() == [2.0, 1.0, 3.0]
    assert wide.schema["step"] == pl.Int64


def test_runs_of_one_name_in_several_projects_are_told_apart_by_the_index() -> None:
    rows = [("p", "r", "loss", 1.0, 2.0), ("q", "r", "loss", 1.0, 3.0)]
    frame = pl.DataFrame(rows, schema=["project", "run", "attribute", "step", "value"], orient="row")
    wide = nf.pivot(frame, index=["project", "run"])
    assert wide.collect().rows() == [("p", "r", 1.0, 2.0), ("q", "r", 1.0, 3.0)]
    for shared in (frame, frame.lazy()):
        with pytest.raises(ValueError, match=r"run 'r' is in 2 projects, 'p' and 'q' .* index=\['project', 'run'\]"):
            nf.pivot(shared).collect()
    apart = frame.with_columns(run=pl.concat_str("project", "run"))
    assert nf.pivot(apart).collect().rows() == [("pr", 1.0, 2.0), ("qr", 1.0, 3.0)]
    assert nf.pivot(frame, index="run").collect().rows() == [("r", 1.0, 2.0)]  # who says so gets the first


def test_runs_of_one_experiment_keep_their_points() -> None:
    rows = [("e", "r", 0.0, 1.0), ("e", "s", 0.0, 2.0), ("e", "s", 2.0, 3.0)]
    columns = ["experiment", "run", "step", "value"]
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_columns(attribute=pl.lit("loss"))
    wide = nf.pivot(frame)
    assert wide.collect().columns == ["experiment", "run", "step", "loss"]
    assert wide.collect().rows() == rows
    assert nf.pivot(frame, index="run").collect().rows() == [row[1:] for row in rows]
    assert nf.align(frame, steps=[0, 1, 2]).drop("attribute").collect().rows() == [
        ("e", "r", 0.0, 1.0), ("e", "r", 1.0, None), ("e", "r", 2.0, None),
        ("e", "s", 0.0, 2.0), ("e", "s", 1.0, 2.0), ("e", "s", 2.0, 3.0),
    ]  # fmt: skip
    homes = pl.concat([frame.with_columns(project=pl.lit(name)) for name in "pq"])
    with pytest.raises(ValueError, match=r"run '.' is in 2 projects.*index=\['project', 'experiment', 'run'\]"):
        nf.pivot(homes).collect()


def test_averages_become_wide_by_what_they_are_averages_of(source: MemorySource) -> None:
    means = scan(source).with_columns(width=pl.lit(8)).group_by("width", "attribute", "step").agg(value.mean())
    wide = nf.pivot(means, index="width")
    assert "float_points" not in asked(source)
    frame = wide.filter(step == 2).collect()
    assert frame.rows(named=True) == [{"width": 8, "step": 2.0, "acc": 1.0, "loss": 1.0, "val/loss": None}]
    with pytest.raises(ValueError, match="no column experiment or run"):
        nf.pivot(means)


def test_pandas_frames_keep_what_is_in_their_index(source: MemorySource) -> None:
    result = nf.fetch_metrics(project="ws/proj", runs="", source=source)
    assert nf.plot(result.to_pandas()).to_dict()["title"]["subtitle"] == ["all 22 points drawn"]
    long = result.long().collect().to_pandas()
    assert nf.pivot(long.set_index(["run", "step"])).collect().equals(result.collect())
    for function in (nf.pivot, nf.align):
        with pytest.raises(ValueError, match=r"unpivot\(index=\['run', 'step'\], variable_name='attribute'\)"):
            function(result.to_pandas())
    timed = nf.fetch_metrics(project="ws/proj", runs="", include_time="absolute", source=source).to_pandas()
    with pytest.raises(ValueError, match="one level of column names; this one has 2"):
        nf.plot(timed)
    nf.plot(timed.xs("value", axis="columns", level=1))


def test_a_series_without_a_step_or_a_name_has_no_place() -> None:
    frame = pl.DataFrame({"run": "r", "attribute": ["a", None], "step": [None, 1.0], "value": 1.0})
    with pytest.raises(ValueError, match="the long frame has no step in 1 row"):
        nf.pivot(frame).collect()
    with pytest.raises(ValueError, match=r"not known before it was collected: \[None\]"):
        nf.pivot(frame.filter(attribute.is_null())).collect()


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("shape", [lambda q: nf.pivot(q, attributes=["loss"]), nf.align])
def test_errors_of_a_source_keep_their_type(shape: Callable[[pl.LazyFrame], pl.LazyFrame], engine: str) -> None:
    class Broken(MemorySource):
        def float_points(self, *_: object) -> None:
            raise NeptuneRetryError(3, 1.5)

    broken = Broken([MemoryRun("A", series={"loss": [(0.0, 1.0, 0)]})])
    with pytest.raises(NeptuneRetryError, match="failed after 3 retries"):
        shape(scan(broken)).collect(engine=engine)


def test_pivot_says_at_once_that_names_cannot_be_asked() -> None:
    class Broken(MemorySource):
        def definitions(self, *_: object) -> None:
            raise NeptuneRetryError(3, 1.5)

    with pytest.raises(NeptuneRetryError):
        nf.pivot(scan(Broken([MemoryRun("A", series={"loss": [(0.0, 1.0, 0)]})])))


@pytest.mark.parametrize("function", [nf.pivot, nf.align, nf.plot])
def test_only_frames_of_points_are_taken(function: Callable[..., object]) -> None:
    name = f"nf.{function.__name__}"
    with pytest.raises(TypeError, match=rf"{name} takes a Polars frame, lazy or not, or .*, got dict"):
        function({"run": []})
    with pytest.raises(ValueError, match=r"no column experiment or run.*its columns are \['a'\]"):
        function(pl.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match=r"no column attribute, no column step|no column 'step'"):
        function(pl.LazyFrame({"run": ["r"]}))


def test_arguments_that_cannot_be_used(source: MemorySource) -> None:
    points = scan(source)
    for arguments, error, message in [
        ({"attributes": ["a", 3]}, TypeError, "attributes must be a string or a list of strings, got 3"),
        (
            {"attributes": nf.AttributeFilter(name="a")},
            TypeError,
            "attributes must be .*AttributeFilter",
        ),
        ({"values": 3}, TypeError, "values must be a string or a list of strings, got 3"),
        ({"attributes": [None]}, TypeError, "attributes must be a string or a list of strings, got None"),
        ({"attributes": "("}, QuerySyntaxError, "is not valid RE2"),
        ({"values": "valeu"}, ValueError, r"no column 'valeu'; its columns are .*Did you mean 'value'\?"),
        ({"index": []}, ValueError, "index must name at least one column besides step, such as 'run'"),
        ({"index": "step"}, ValueError, "index must name at least one column besides step"),
        ({"index": ["project", "rnu"]}, ValueError, "no column 'rnu'"),
        ({"values": "attribute"}, ValueError, "'attribute' says which cell a value goes to"),
        ({"index": ["run", "value"]}, ValueError, "'value' says which cell a value goes to"),
    ]:
        with pytest.raises(error, match=message):
            nf.pivot(points, **arguments)
    for arguments, error, message in [
        ({"how": "backward"}, ValueError, "how must be one of 'forward', 'linear', 'nearest' or None, got 'backward'"),
        ({"how": "linear", "value": "project"}, ValueError, "needs numbers, and 'project' holds String"),
        ({"value": "valeu"}, ValueError, r"no column 'valeu'; its columns are .*Did you mean 'value'\?"),
        ({"value": "run"}, ValueError, "'run' says which series and step a row is of"),
        ({"steps": 0}, ValueError, "steps must be greater than 0"),
        ({"steps": True}, ValueError, "steps must be greater than 0"),
        ({"steps": [1, None]}, ValueError, "steps must be finite"),
        ({"steps": [float("nan")]}, ValueError, "steps must be finite"),
        ({"steps": "every"}, TypeError, "steps must be None, a number or several numbers"),
        ({"steps": object()}, TypeError, "steps must be None, a number or several numbers"),
    ]:
        with pytest.raises(error, match=message):
            nf.align(points, **arguments)
    assert source.calls == []


@pytest.mark.parametrize("steps", [np.int64(2), np.float32(2.0), Fraction(2)])
def test_align_takes_numbers_of_any_kind(steps: Any) -> None:
    frame = pl.LazyFrame({"run": "r", "attribute": "loss", "step": [0.0, 4.0], "value": [1.0, 2.0]})
    assert nf.align(frame, steps=steps).collect()["step"].to_list() == [0.0, 2.0, 4.0]


def test_pivot_refuses_steps_that_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="steps must be numbers or times, and the column 'step' holds String"):
        nf.pivot(pl.DataFrame({"run": "r", "attribute": "loss", "step": ["1"], "value": [1.0]}))


def test_align_knows_fractions_that_were_logged_with_their_rounding() -> None:
    summed = [0.0, 0.1, 0.1 + 0.1, 0.1 + 0.1 + 0.1]
    for steps in ([0.0, 0.1, 0.2, 0.3], summed, [at / 10 for at in range(11)]):
        frame = pl.LazyFrame(
            {"run": "r", "attribute": "loss", "step": steps, "value": [float(at) for at in range(len(steps))]}
        )
        aligned = nf.align(frame, steps=0.1, how=None).collect()
        assert aligned["step"].to_list() == steps
        assert aligned["value"].to_list() == list(range(len(steps)))
    halves = nf.align(pl.LazyFrame({"run": "r", "attribute": "loss", "step": [0.0, 1.04], "value": 1.0}), steps=0.5)
    assert halves.collect()["step"].to_list() == [0.0, 0.5, 1.0]
    nothing = pl.LazyFrame({"run": "r", "attribute": "loss", "step": [0.0], "value": 1.0}).filter(pl.lit(False))
    assert nf.align(nothing, steps=0.5).collect().height == 0


@pytest.mark.parametrize("far", [math.inf, -math.inf])
def test_align_refuses_multiples_up_to_infinity(far: float) -> None:
    frame = pl.LazyFrame({"run": "r", "attribute": "loss", "step": [0.0, far], "value": 1.0})
    with pytest.raises(ValueError, match="a step of the frame is not finite"):
        nf.align(frame, steps=2).collect()


def test_align_reads_a_scan_once(source: MemorySource) -> None:
    lazy = nf.align(scan(source, attributes=["loss"]), steps=[1, 2], how="linear").select("run", "step", "value")
    assert source.calls == []
    assert lazy.collect().rows() == [("A", 1.0, 0.5), ("A", 2.0, 1.0), ("B", 1.0, 0.5), ("B", 2.0, 1.0)]
    assert asked(source).count("float_points") == 1


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_align_refuses_what_no_memory_holds(engine: str) -> None:
    far = pl.LazyFrame({"run": ["r", "s"], "attribute": "loss", "step": [0.0, 1e12], "value": 1.0})
    with pytest.raises(ValueError, match="2 series at 2,000,000,001 common steps are 4,000,000,002 rows, more than"):
        nf.align(far, steps=500).collect(engine=engine)
    assert nf.align(far, steps=5e11).collect(engine=engine).height == 6


def test_align_carries_any_type_forward(source: MemorySource) -> None:
    times = nf.align(scan(source, include_time="absolute", attributes=["loss"]), steps=[3], value="timestamp")
    assert times.collect()["timestamp"].dt.epoch("ms").to_list() == [2000, 2000]
