"""The lazy long frame: right whatever is pushed down, and the source is asked for no more than needed."""

from __future__ import annotations

import math
import random

import polars as pl
import pytest

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames.errors import NeptuneRetryError
from neptune_frames.frames.lazy_metrics import scan_metrics
from neptune_frames.frames.questions import Containers, MetricsQuestion, fetch_metrics
from neptune_frames.query.arguments import resolve_attributes
from neptune_frames.query.rendering import render
from neptune_frames.query.selection import ContainerKind, SeriesOptions

ENGINES = ("in-memory", "streaming")
step, run, attribute = pl.col("step"), pl.col("run"), pl.col("attribute")


def source_of_three() -> MemorySource:
    runs = [
        MemoryRun(
            label,
            series={name: [(float(at), place + at / 10, 1000 * at) for at in range(6)] for name in ("acc", "loss")},
        )
        for place, label in enumerate("ABC")
    ]
    return MemorySource(runs, batch_series=2, piece_points=4)


def question(attributes: object = None, **options: object) -> MetricsQuestion:
    selector = resolve_attributes(attributes, ("float_series",), "attributes")
    return MetricsQuestion("ws/proj", Containers(ContainerKind.RUN), selector, SeriesOptions(**options))


def check_source(lf: pl.LazyFrame, truth: pl.DataFrame) -> None:
    """design/lazy-sources.md, section 10."""
    queries = [
        lambda q: q,
        lambda q: q.select("value"),
        lambda q: q.filter(step > 3).select("run"),
        lambda q: q.head(5).filter(step > 3),
        lambda q: q.filter(step > 1).head(2),
        lambda q: q.slice(2, 5).filter(run == "B"),
        lambda q: q.head(0),
        lambda q: q.select(pl.len()),
        lambda q: q.filter((run == "B") & (attribute == "loss") & (step >= 2) & (pl.col("value") > 1.2)),
        lambda q: q.filter(run.is_in(["A", "C"]), attribute.cast(pl.String).str.contains("^a"), step.is_between(1, 2)),
        lambda q: q.filter((run == "A") | (step == 5)),
        lambda q: q.filter(step.is_in([1.0, 4.0])).select("step"),
        lambda q: q.filter(step > 4, step < 2),
        lambda q: q.group_by("run").agg(pl.col("value").max()).sort("run"),
        lambda q: q.tail(3),
        lambda q: q.filter(run.str.starts_with("B")).select(pl.col("step").sum()),
    ]
    for place, query in enumerate(queries):
        for engine in ENGINES:
            got, expected = query(lf).collect(engine=engine), query(truth.lazy()).collect()
            assert got.equals(expected), (place, engine)
            assert got.schema == expected.schema


@pytest.mark.parametrize("options", [{}, {"include_time": True}, {"include_previews": True}, {"tail_limit": 2}])
def test_every_query_gives_what_it_gives_on_the_eager_frame(options: dict[str, object]) -> None:
    truth = fetch_metrics(source_of_three(), question(**options)).long().collect(engine="in-memory")
    check_source(scan_metrics(source_of_three(), question(**options)), truth)
    check_source(fetch_metrics(source_of_three(), question(**options)).long(), truth)


def test_random_predicates_give_what_they_give_on_the_eager_frame() -> None:
    options = {"include_time": True, "tail_limit": 4}
    truth = fetch_metrics(source_of_three(), question(**options)).long().collect(engine="in-memory")
    chance = random.Random(7)

    def leaf() -> pl.Expr:
        return chance.choice(
            [
                step > chance.randint(-1, 6),
                step <= chance.randint(-1, 6),
                pl.lit(chance.randint(0, 5)) < step,
                step.is_in([float(chance.randint(0, 6)), 2.0]),
                step.is_between(chance.randint(0, 3), chance.randint(2, 6)),
                step != 3,
                step + 1 > 3,
                run == chance.choice("ABCD"),
                run.is_in(["A", "D"]),
                run != "B",
                attribute == "loss",
                attribute.str.ends_with("c"),
                run.cast(pl.String) < attribute.cast(pl.String),
                pl.col("value") > 1,
                pl.col("timestamp") >= pl.lit(3000).cast(pl.Datetime("ms", "UTC")),
            ]
        )

    def tree(depth: int) -> pl.Expr:
        if depth == 0 or chance.random() < 0.2:
            return leaf()
        left, right = tree(depth - 1), tree(depth - 1)
        return chance.choice([left & right, left & right, left | right, ~left])

    for _ in range(150):
        predicate, engine = tree(3), chance.choice(ENGINES)
        got = scan_metrics(source_of_three(), question(**options)).filter(predicate).collect(engine=engine)
        assert got.equals(truth.filter(predicate)), str(predicate)


def test_what_is_filtered_of_points_in_memory_is_said() -> None:
    points = fetch_metrics(source_of_three(), question()).long().filter(pl.col("step") > 3)
    assert nf.explain(points).splitlines()[2] == '  filtered after: [(col("step")) > (3.0)]'


def test_the_schema_is_known_without_asking() -> None:
    source = source_of_three()
    lf = scan_metrics(source, question(include_time=True, include_previews=True))
    assert lf.collect_schema() == pl.Schema(
        {
            "project": pl.String(), "run": pl.String(), "attribute": pl.String(), "step": pl.Float64(),
            "value": pl.Float64(), "timestamp": pl.Datetime("ms", "UTC"), "is_preview": pl.Boolean(),
            "preview_completion": pl.Float32(),
        }
    )  # fmt: skip
    assert source.calls == []
    assert lf.select(pl.len()).collect(engine="in-memory").item() == 36


@pytest.mark.parametrize("engine", ENGINES)
def test_conditions_reach_the_source(engine: str) -> None:
    source = source_of_three()
    query = scan_metrics(source, question(include_time=True)).filter(
        run.is_in(["B", "C"]), attribute == "loss", step >= 2, step < 4
    )
    assert query.select("value").collect(engine=engine).height == 4
    ((keys, options),) = source.called("float_points")
    assert keys.runs.column("run_id").to_pylist() == ["B", "C"]
    assert keys.attributes.to_pylist() == ["loss"]
    assert options.step_range == (2.0, math.nextafter(4, 0))
    assert options.include_time is False


def test_labels_are_part_of_the_search_and_of_a_list() -> None:
    source = source_of_three()
    lf = scan_metrics(source, question())
    assert lf.filter(run.is_in(["A", "Z"]), run != "Z", step == 1).collect().height == 2
    assert lf.filter(run == "B").filter(run.is_in(["A", "B"])).select("step").collect().height == 12
    searches = [render(query.filter) for query in source.called("search")]
    assert ["A" in text and "Z" in text for text in searches] == [True, False]
    assert ["B" in text for text in searches] == [False, True]

    source.calls.clear()
    listed = MetricsQuestion(
        "ws/proj",
        Containers.of(["A", "B"], ContainerKind.RUN, "runs"),
        resolve_attributes(["loss"], ("float_series",), "attributes"),
        SeriesOptions(),
    )
    assert scan_metrics(source, listed).filter(run == "B").collect().height == 6
    assert scan_metrics(source, listed).filter(run == "C").collect().height == 0
    assert source.called("resolve_custom_ids") == [("B",)]
    assert len(source.called("float_points")) == 1


def test_a_row_limit_keeps_conditions_from_the_source() -> None:
    source = source_of_three()
    scan_metrics(source, question()).head(5).filter(step > 3).collect()
    ((_, options),) = source.called("float_points")
    assert options.step_range == (None, None)


def test_an_upper_bound_of_steps_does_not_move_a_tail() -> None:
    source = source_of_three()
    lf = scan_metrics(source, question(tail_limit=2))
    assert lf.filter(step <= 4).collect()["step"].to_list() == [4.0] * 6
    ((_, options),) = source.called("float_points")
    assert options.step_range == (None, None)


def test_the_users_step_range_and_the_querys_meet() -> None:
    source = source_of_three()
    lf = scan_metrics(source, question(step_range=(1.0, None)))
    assert lf.filter(step > 0, step <= 2).collect()["step"].unique().sort().to_list() == [1.0, 2.0]
    ((_, options),) = source.called("float_points")
    assert options.step_range == (1.0, 2.0)


@pytest.mark.parametrize("condition", [step.is_between(5, 2), run == "Z", attribute.str.len_chars() > 9])
def test_no_points_are_asked_for_where_none_can_match(condition: pl.Expr) -> None:
    source = source_of_three()
    assert scan_metrics(source, question()).filter(condition).collect().height == 0
    assert source.called("float_points") == []


@pytest.mark.parametrize("engine", ENGINES)
def test_errors_keep_their_type(engine: str) -> None:
    class Failing(MemorySource):
        def float_points(self, keys: object, options: object) -> object:
            raise NeptuneRetryError(3, 1.0)

    lf = scan_metrics(Failing(source_of_three().runs), question())
    with pytest.raises(NeptuneRetryError, match="after 3 retries"):
        lf.collect(engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_window_function_over_some_columns(engine: str) -> None:
    """Polars 2.1 panics at this if a resolver is its direct input."""
    best = pl.col("value").max().over("run")
    lf = scan_metrics(source_of_three(), question()).with_columns(best=best).select("run", "best").unique()
    assert sorted(lf.collect(engine=engine)["run"]) == ["A", "B", "C"]
