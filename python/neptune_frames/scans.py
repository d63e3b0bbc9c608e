"""The lazy functions of `import neptune_frames as nf`: Polars frames whose data is fetched when a query is collected.

Each ``scan_`` function returns a `polars.LazyFrame` whose schema is known before any data is fetched. What a query does
not need is not requested: unused columns, rows after ``head``, and the runs, attributes, steps and values that its
conditions exclude, as far as the source understands them. All conditions are applied again to what arrives. `explain`
and ``LazyFrame.explain`` show what a source will be asked for; the logger ``neptune_frames`` reports what it is asked
for (level INFO).

A lazy frame of labels as ``experiments`` or ``runs`` is collected when the scan is, and narrows the request, which a
join does not. Names are strings. Every ``collect()`` asks again. Errors are those of `neptune_frames.errors`, in every
engine and sink.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

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
    """Scan experiments or runs, newest first.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable) holds exact names, a `Filter` is a condition on attributes. A Polars frame gives its
            column of names; a lazy one is collected when the scan is. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A lazy frame with the columns ``project``, ``experiment`` and ``run`` (the label first) and ``sys_id``, all
        strings. With ``experiments`` a row is an experiment and its head run; with ``runs`` it is a run.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it; raised when the query is
            collected, as are most errors of the source.

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
    sort_direction: Literal["asc", "desc"] = "desc",
    type_suffix: bool | None = None,
    source: AnySource = None,
) -> pl.LazyFrame:
    """Scan a table: a row per experiment or run, a column per attribute with its last value.

    The columns are looked up now; values are fetched when a query is collected, and only those of the columns it uses.
    Conditions on columns become part of the search: ``pl.col("config/lr") < 0.01`` becomes NQL for a server.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable) holds exact names, a `Filter` is a condition on attributes. A Polars frame gives its
            column of names; a lazy one is collected now. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which attributes become columns. A string is an extended regular expression on names, a list holds
            exact names, an `AttributeFilter` selects by name and type. None selects all.
        sort_by: Attribute to sort by: a name, whose type is looked up, or an `Attribute` with its type. Rows without it
            come last.
        sort_direction: ``"asc"`` or ``"desc"``.
        type_suffix: Whether column names end in ``:`` and the type, as ``config/lr:float``. None: only those of names
            that have several types among the runs.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A lazy frame with the columns ``project``, ``experiment`` or ``run``, and a column per attribute in its type:
        Int64, Float64 (also for the last value of a float series), String, Boolean, Datetime (UTC), List(String) for
        string sets, Struct for files and histograms. A cell without a value is null.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        ConflictingAttributeTypes: A name has several types among the runs, and ``type_suffix`` is False.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> table = nf.scan_table(experiments="", attributes=["config/lr", "train/loss"])
        >>> table.filter(pl.col("config/lr") < 0.05).collect().rows()
        [('team/vision', 'vit-1', 0.001, 1.0), ('team/vision', 'resnet-2', 0.01, 0.25)]
    """
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
    suffix = None if type_suffix is None else bool(type_suffix)
    return lazy_table.scan_table(open_source(source), question, type_suffix=suffix)


@public_call("scan_attributes")
def scan_attributes(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    source: AnySource = None,
) -> pl.LazyFrame:
    """Scan attribute values: a row per run and attribute, in no promised order.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable) holds exact names, a `Filter` is a condition on attributes. A Polars frame gives its
            column of names; a lazy one is collected when the scan is. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which attributes. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects all.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A lazy frame with the string columns ``project``, ``experiment`` or ``run``, ``attribute`` and ``type``, and a
        column for each type of value, of which one is set: ``int_value`` (Int64), ``float_value`` (Float64; the last
        value of a float series), ``string_value``, ``bool_value``, ``datetime_value`` (UTC, milliseconds),
        ``string_set_value`` (List(String)), ``file_value`` and ``histogram_value`` (Struct). Series also have
        ``last_step``, and float series ``min``, ``max``, ``average`` and ``variance`` (Float64).

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it; raised when the query is
            collected, as are most errors of the source.

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
    include_time: Literal["absolute"] | None = None,
    step_range: StepRange = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    include_point_previews: bool = False,
    source: AnySource = None,
) -> pl.LazyFrame:
    """Scan the points of float series: a row per point.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable) holds exact names, a `Filter` is a condition on attributes. A Polars frame gives its
            column of names; a lazy one is collected when the scan is. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which series. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects every float series.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        include_point_previews: Whether points that are not final yet are included, with two columns about them.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A lazy frame with the columns ``project``, ``experiment`` or ``run`` and ``attribute`` (String), ``step`` and
        ``value`` (Float64), and if requested ``timestamp`` (Datetime, UTC, milliseconds), ``is_preview`` (Boolean) and
        ``preview_completion`` (Float32, 0 to 1). Points of a series come in step order, series in no promised order.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it; raised when the query is
            collected, as are most errors of the source.

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
    include_time: Literal["absolute"] | None = None,
    step_range: StepRange = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    source: AnySource = None,
) -> pl.LazyFrame:
    """Scan the points of string, histogram and file series: a row per point.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable) holds exact names, a `Filter` is a condition on attributes. A Polars frame gives its
            column of names; a lazy one is collected when the scan is. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which series. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects every string, histogram and file series.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A lazy frame with the columns ``project``, ``experiment`` or ``run`` and ``attribute`` (String), ``step``
        (Float64), if requested ``timestamp`` (Datetime, UTC, milliseconds), and ``string`` (String), ``histogram``
        (Struct of ``type``, ``edges``, ``values``) and ``file`` (Struct of ``path``, ``size_bytes``, ``mime_type``), of
        which one is set.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it; raised when the query is
            collected, as are most errors of the source.

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
    """Scan float series in at most 1,000 ranges of steps (buckets): a row per series and bucket.

    Conditions are applied after all buckets have arrived, because their ranges depend on all series of the request.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable) holds exact names, a `Filter` is a condition on attributes. A Polars frame gives its
            column of names; a lazy one is collected when the scan is. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which series. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects every float series.
        limit: The number of buckets, 1 to 1000. The range of steps over all series is cut into that many.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        include_point_previews: Whether points that are not final yet are included.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A lazy frame with the columns ``project``, ``experiment`` or ``run`` and ``attribute`` (String), ``index``
        (Int64), the bucket's range (``from_x``, ``to_x``], its first and last finite point ``first_x``, ``first_y``,
        ``last_x`` and ``last_y``, of its finite values ``local_min``, ``local_max`` and ``local_sum`` (all Float64),
        and the counts ``finite_point_count``, ``nan_count``, ``positive_inf_count`` and ``negative_inf_count`` (Int64).
        Bucket 0 holds only the points at the smallest step, so there may be one bucket more than ``limit``. Empty
        buckets are left out.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it; raised when the query is
            collected, as are most errors of the source.

    Example:
        >>> buckets = nf.scan_buckets(experiments=["resnet-1"], attributes=["train/loss"], limit=2)
        >>> buckets.filter(pl.col("finite_point_count") > 1).select("from_x", "to_x", "local_max").collect().rows()
        [(0.0, 2.0, 1.25), (2.0, 4.0, 0.5)]
    """
    from neptune_frames.frames import lazy_buckets
    from neptune_frames.query.arguments import check_bucket_limit
    from neptune_frames.query.plain_values import plain_number

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
    return lazy_buckets.scan_buckets(open_source(source), question, check_bucket_limit(plain_number(limit, "limit")))


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
    """Run a SELECT over the scans; conditions, columns and limits are pushed down into the source.

    The tables are ``metrics``, ``series``, ``buckets``, ``attributes`` and ``runs``, each the scan of that name, and
    ``run_table``, which is `scan_table` (``"table"`` in double quotes is the same). Only the tables that the query
    names are set up. Names with a slash need double quotes: ``"config/lr"``. In ``run_table``, a name with several
    types among the runs has a column for each: ``"config/lr:float"``, ``"config/lr:string"``.

    Args:
        query: The SELECT (or EXPLAIN of one, or SHOW TABLES), in the dialect of Polars' ``SQLContext``. Other
            statements, and the table functions of Polars that read files, are refused.
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments, as for `scan_metrics`; rows are labelled by ``experiment``. Give either
            ``experiments`` or ``runs``.
        runs: Which runs, as for `scan_metrics`; rows are labelled by ``run``.
        attributes: Which attributes the tables are about, as for `scan_metrics`.
        include_time: ``"absolute"`` adds ``timestamp`` to ``metrics`` and ``series``.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A lazy frame with the columns of the SELECT.

    Raises:
        TypeError: The query is not a string.
        polars.exceptions.SQLInterfaceError: The query cannot be understood, names another table, reads a file, or is
            another statement.
        polars.exceptions.ColumnNotFoundError: It names a column that no table has.
        ValueError: Another argument cannot be used, or neither ``experiments`` nor ``runs`` is given.

    Example:
        >>> nf.sql('''
        ...     select experiment, min(value) as best
        ...     from metrics join run_table using (experiment)
        ...     where attribute = 'train/loss' and "config/lr" < 0.05
        ...     group by experiment order by best
        ... ''', experiments="").collect().rows()
        [('resnet-2', 0.25), ('vit-1', 1.0)]
    """
    from neptune_frames.frames import lazy_sql

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
            "run_table": partial(scan_table, **of_attributes),
        },
    )


def explain(lazy: pl.LazyFrame) -> str:
    """Show what a lazy query asks of its sources and what is filtered afterwards, scan by scan, then Polars' plan.

    For each scan: where it reads; what is asked of the source, which is what the arguments of the scan select, narrowed
    by what the query adds (ranges of steps include both ends); the conditions that are applied to the rows that arrive,
    because the source cannot apply them completely; and those that Polars keeps for itself.

    Args:
        lazy: The query. Nothing is fetched.

    Returns:
        Several lines of text. ``LazyFrame.explain`` shows the same in one line per scan.

    Raises:
        TypeError: It is not a frame.
        ValueError: Polars cannot print the plan of the query.

    Example:
        >>> points = nf.scan_metrics(experiments=["vit-1"], attributes=["train/loss"])
        >>> print(nf.explain(points.filter(pl.col("step") >= 2, pl.col("value") < 1.1)))
        METRICS (project team/vision, archive ...)
          asked of the source: experiments 'vit-1'; attributes 'train/loss'
          narrowed by the query: steps from 2
          filtered after: [(col("value")) < (1.1)]
        ...
    """
    from neptune_frames.frames import lazy_explain

    return lazy_explain.explain(lazy)
