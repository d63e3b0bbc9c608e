"""The native face, lazily: Polars frames whose data is fetched when a query is collected.

`scan_metrics` and its siblings take the arguments of their ``fetch_`` relatives (`neptune_frames.api`) and give a
`polars.LazyFrame`. Its schema is known before any data is fetched. What a query does not need is not asked for:
unused columns, rows after ``head``, runs, attributes, steps and values that its conditions exclude, as far as the
source understands them; all conditions are applied to what arrived. `explain` and ``LazyFrame.explain`` say what a
source will be asked for, and the logger ``neptune_frames`` what it is asked for (level INFO).

A lazy frame of labels as ``experiments`` or ``runs`` is collected when the scan is, and narrows its question, as no
join does. Names are text. Every query asks anew. Errors are those of `neptune_frames.errors`, in every engine and sink.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from neptune_frames.frames import questions
from neptune_frames.frames.chosen_runs import chosen_runs
from neptune_frames.query.arguments import as_list, resolve_attributes, resolve_project
from neptune_frames.query.attributes import FLOAT_SERIES_TYPES, OBJECT_SERIES_TYPES, Attribute
from neptune_frames.sources.choose import open_source
from neptune_frames.sources.public_call import public_call

if TYPE_CHECKING:
    import polars as pl

    from neptune_frames.api import AnySource, Attributes
    from neptune_frames.frames.chosen_runs import Runs
    from neptune_frames.query.selection import StepRange

__all__ = [
    "explain",
    "scan_attributes",
    "scan_buckets",
    "scan_metrics",
    "scan_runs",
    "scan_series",
    "scan_table",
    "sql",
]


@public_call("scan_runs")
def scan_runs(
    *, project: str | None = None, experiments: Runs = None, runs: Runs = None, source: AnySource = None
) -> pl.LazyFrame:
    """Runs or experiments, newest first: ``project``, ``experiment`` and ``run`` (the label first), ``sys_id``.

    With ``experiments`` a row is an experiment and the run that is its head, with ``runs`` it is a run.

    Example:
        >>> nf.scan_runs(experiments="").filter(pl.col("run") != "run-2").select("experiment").collect().rows()
        [('vit-1',), ('resnet-1',)]
    """
    from neptune_frames.frames import lazy_runs

    question = lazy_runs.RunsQuestion(resolve_project(project), chosen_runs(experiments, runs, keep_lazy=True))
    return lazy_runs.scan_runs(open_source(source), question)


@public_call("scan_table")
def scan_table(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    sort_by: str | Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (copied, never changed)
    sort_direction: str = "desc",
    type_suffix: bool = False,
    source: AnySource = None,
) -> pl.LazyFrame:
    """A row per experiment or run: ``project``, ``experiment`` or ``run``, and a column per attribute with its last
    value, as `fetch_table` gives them.

    Which columns there are is asked for now, values when a query is collected, and then only those of the columns
    used. Conditions on columns become part of the search: ``pl.col("config/lr") < 0.01`` is NQL for a server.

    Args:
        project: See `neptune_frames.api`, as for the next three.
        experiments: Give either this or ``runs``.
        runs: Give either this or ``experiments``.
        attributes: Which attributes become columns; None takes all.
        sort_by: Attribute to sort by; rows without it come last.
        sort_direction: ``"asc"`` or ``"desc"``.
        type_suffix: Whether column names end in ``:`` and the type, as ``config/lr:float``.
        source: See `neptune_frames.api`.

    Raises:
        ConflictingAttributeTypes: A name has several types among the runs, and there is no suffix to tell them apart.
        NeptuneProjectInaccessible: The project does not exist or may not be read.

    Example:
        >>> table = nf.scan_table(experiments="", attributes=["config/lr", "train/loss"])
        >>> table.filter(pl.col("config/lr") < 0.05).collect().rows()
        [('team/vision', 'vit-1', 0.001, 1.0), ('team/vision', 'resnet-2', 0.01, 0.25)]
    """
    return _scan_table(
        project=project,
        experiments=experiments,
        runs=runs,
        attributes=attributes,
        sort_by=sort_by,
        sort_direction=sort_direction,
        type_suffix=bool(type_suffix),
        source=source,
    )


@public_call("scan_attributes")
def scan_attributes(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    source: AnySource = None,
) -> pl.LazyFrame:
    """A row per run and attribute: ``project``, ``experiment`` or ``run``, ``attribute``, ``type``, and its value in
    the column of its type; rows come in no promised order.

    The columns of values are ``int_value``, ``float_value`` (of a float series its last value), ``string_value``,
    ``bool_value``, ``datetime_value``, ``string_set_value``, ``file_value`` and ``histogram_value``; series have
    ``last_step`` too, and float series ``min``, ``max``, ``average`` and ``variance``.

    Example:
        >>> rates = nf.scan_attributes(runs="", attributes=["config/lr"]).filter(pl.col("float_value") < 0.05)
        >>> rates.select("run", "type", "float_value").sort("run").collect().rows()
        [('run-2', 'float', 0.01), ('run-3', 'float', 0.001)]
    """
    from neptune_frames.frames import lazy_attributes

    question = lazy_attributes.AttributesQuestion(
        resolve_project(project),
        chosen_runs(experiments, runs, keep_lazy=True),
        resolve_attributes(as_list(attributes), None, "attributes"),
    )
    return lazy_attributes.scan_attributes(open_source(source), question)


@public_call("scan_metrics")
def scan_metrics(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    include_time: str | None = None,
    step_range: StepRange = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    include_point_previews: bool = False,
    source: AnySource = None,
) -> pl.LazyFrame:
    """Points of float series, a row per point. Takes the arguments of `fetch_metrics`.

    Columns: ``project``, ``experiment`` or ``run``, ``attribute``, ``step``, ``value``, and as asked for
    ``timestamp``, ``is_preview``, ``preview_completion``. Points of a series come in step order, series in no
    promised order.

    Example:
        >>> points = nf.scan_metrics(experiments="resnet", attributes=["train/loss"])
        >>> late = points.filter(pl.col("step") >= 3)
        >>> late.group_by("experiment").agg(pl.col("value").min()).sort("value").collect().rows()
        [('resnet-2', 0.25), ('resnet-1', 0.4)]
    """
    from neptune_frames.frames import lazy_metrics

    chosen = chosen_runs(experiments, runs, keep_lazy=True)
    question = questions.series_question(
        chosen.kind,
        project=project,
        runs=chosen,
        attributes=as_list(attributes),
        types=FLOAT_SERIES_TYPES,
        include_time=include_time,
        step_range=step_range,
        lineage=lineage_to_the_root,
        tail_limit=tail_limit,
        previews=include_point_previews,
    )
    return lazy_metrics.scan_metrics(open_source(source), question)


@public_call("scan_series")
def scan_series(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    include_time: str | None = None,
    step_range: StepRange = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    source: AnySource = None,
) -> pl.LazyFrame:
    """Points of string, histogram and file series, a row per point. Takes the arguments of `fetch_series`.

    Columns: ``project``, ``experiment`` or ``run``, ``attribute``, ``step``, ``timestamp`` if asked for, and
    ``string``, ``histogram`` and ``file``, of which one is set.

    Example:
        >>> texts = nf.scan_series(experiments="", attributes="^samples/")
        >>> texts.filter(pl.col("step") == 4).select("experiment", "string").sort("experiment").head(1).collect().rows()
        [('resnet-1', 'a cat, says resnet-1')]
    """
    from neptune_frames.frames import lazy_series

    chosen = chosen_runs(experiments, runs, keep_lazy=True)
    question = questions.series_question(
        chosen.kind,
        project=project,
        runs=chosen,
        attributes=as_list(attributes),
        types=OBJECT_SERIES_TYPES,
        include_time=include_time,
        step_range=step_range,
        lineage=lineage_to_the_root,
        tail_limit=tail_limit,
    )
    return lazy_series.scan_series(open_source(source), question)


@public_call("scan_buckets")
def scan_buckets(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    limit: int = 1000,
    lineage_to_the_root: bool = True,
    include_point_previews: bool = False,
    source: AnySource = None,
) -> pl.LazyFrame:
    """Float series in at most ``limit`` (1 to 1000) ranges of steps, a row per series and range, as
    `fetch_buckets` gives them in Polars. Takes its arguments.

    Conditions are applied after all buckets arrived: their ranges depend on all series of the question.

    Example:
        >>> buckets = nf.scan_buckets(experiments=["resnet-1"], attributes=["train/loss"], limit=2)
        >>> buckets.filter(pl.col("finite_point_count") > 1).select("from_x", "to_x", "local_max").collect().rows()
        [(0.0, 2.0, 1.25), (2.0, 4.0, 0.5)]
    """
    from neptune_frames.frames import lazy_buckets
    from neptune_frames.query.arguments import check_bucket_limit

    chosen = chosen_runs(experiments, runs, keep_lazy=True)
    question = questions.series_question(
        chosen.kind,
        project=project,
        runs=chosen,
        attributes=as_list(attributes),
        types=FLOAT_SERIES_TYPES,
        lineage=lineage_to_the_root,
        previews=include_point_previews,
    )
    return lazy_buckets.scan_buckets(open_source(source), question, check_bucket_limit(limit))


def sql(
    query: str,
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    include_time: str | None = None,
    source: AnySource = None,
) -> pl.LazyFrame:
    """A SELECT over the scans, as a lazy frame; conditions, columns and limits are pushed into the source.

    Tables: ``metrics``, ``series``, ``buckets``, ``attributes``, ``runs`` and ``"table"`` (in double quotes, as the
    word means something in SQL), each the scan of that name. Only those that the query names are set up. Names
    with a slash are written in double quotes: ``"config/lr"``. In ``"table"`` a name with several types among the
    runs has a column for each: ``"config/lr:float"``, ``"config/lr:string"``.

    Args:
        query: The SELECT, in the dialect of Polars' ``SQLContext``.
        project: See `neptune_frames.api`, as for the others.
        experiments: Labels rows by ``experiment``.
        runs: Labels rows by ``run``; without ``experiments`` and ``runs``, every run.
        attributes: Which attributes all tables are about.
        include_time: ``"absolute"`` adds ``timestamp`` to ``metrics`` and ``series``.
        source: See `neptune_frames.api`.

    Raises:
        polars.exceptions.SQLInterfaceError: The query cannot be understood, or names another table.
        polars.exceptions.ColumnNotFoundError: It names a column that no table has.

    Example:
        >>> nf.sql('''
        ...     select experiment, min(value) as best
        ...     from metrics join "table" using (experiment)
        ...     where attribute = 'train/loss' and "config/lr" < 0.05
        ...     group by experiment order by best
        ... ''', experiments="").collect().rows()
        [('resnet-2', 0.25), ('vit-1', 1.0)]
    """
    from neptune_frames.frames import lazy_sql

    if experiments is runs is None:
        runs = ""
    # A generator gives its items once, and every table wants them.
    selection: dict[str, Any] = {
        "project": project,
        "experiments": as_list(experiments),
        "runs": as_list(runs),
        "source": open_source(source),
    }
    of_attributes = {**selection, "attributes": as_list(attributes)}
    of_points = {**of_attributes, "include_time": include_time}
    return lazy_sql.query(
        query,
        {
            "metrics": partial(scan_metrics, **of_points),
            "series": partial(scan_series, **of_points),
            "buckets": partial(scan_buckets, **of_attributes),
            "attributes": partial(scan_attributes, **of_attributes),
            "runs": partial(scan_runs, **selection),
            # A name may have several types without the query caring for it.
            "table": partial(_scan_table, **of_attributes),
        },
    )


def explain(lazy: pl.LazyFrame) -> str:
    """What a lazy query asks of its sources and what is filtered after, scan by scan, and the plan of Polars.

    Nothing is fetched. `LazyFrame.explain` says the same in one line per scan.

    Example:
        >>> points = nf.scan_metrics(experiments=["vit-1"], attributes=["train/loss"])
        >>> print(nf.explain(points.filter(pl.col("step") > 2, pl.col("value") < 1.1)))
        METRICS (project team/vision)
          asked of the source: steps 2.0 to ...
          filtered after: [(col("value")) < (1.1)]
        ...
    """
    from neptune_frames.frames import lazy_explain

    return lazy_explain.explain(lazy)


@public_call("scan_table")
def _scan_table(
    *,
    project: str | None,
    experiments: Runs,
    runs: Runs,
    attributes: Attributes,
    sort_by: str | Attribute = "sys/creation_time",
    sort_direction: str = "desc",
    type_suffix: bool | None = None,
    source: AnySource,
) -> pl.LazyFrame:
    """`scan_table`; with None as ``type_suffix``, names with several types have a suffix and others have none."""
    from neptune_frames.frames import lazy_table
    from neptune_frames.frames.table import TableQuestion
    from neptune_frames.query.arguments import check_sort_direction, resolve_sort

    question = TableQuestion(
        project=resolve_project(project),
        containers=chosen_runs(experiments, runs),
        attributes=resolve_attributes(as_list(attributes), None, "attributes"),
        sort_by=resolve_sort(sort_by),
        descending=check_sort_direction(sort_direction),
    )
    return lazy_table.scan_table(open_source(source), question, type_suffix=type_suffix)
