"""The eager functions of `import neptune_frames as nf`: they fetch when they are called.

All functions take keyword arguments only, check them before anything is requested, and work the same on a server and on
an archive. Results become Polars, Arrow or pandas as needed. `neptune_frames.scans` has the lazy functions, which fetch
when a query is collected.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neptune_frames.frames import questions
from neptune_frames.frames.chosen_runs import chosen_runs, runs_of
from neptune_frames.progress import allowing_bars, long_fetch
from neptune_frames.query.arguments import as_list, resolve_attributes, resolve_project
from neptune_frames.query.attributes import FLOAT_SERIES_TYPES, OBJECT_SERIES_TYPES, Attribute
from neptune_frames.query.selection import ContainerKind
from neptune_frames.sources.choose import open_source
from neptune_frames.sources.public_call import public_call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from neptune_frames.frames.buckets import BucketedMetrics
    from neptune_frames.frames.chosen_files import AnyFiles
    from neptune_frames.frames.chosen_runs import Runs
    from neptune_frames.frames.files import DownloadedFiles
    from neptune_frames.frames.metrics import MetricsResult
    from neptune_frames.frames.object_series import ObjectSeries
    from neptune_frames.frames.table import RunTable
    from neptune_frames.query.attribute_filters import BaseAttributeFilter
    from neptune_frames.query.selection import StepRange
    from neptune_frames.sources.base import Source

    #: What users may pass as ``attributes``: an extended regular expression on names; exact names in a list or any
    #: other iterable; an `AttributeFilter`; None for all.
    Attributes = str | Iterable[str] | BaseAttributeFilter | None
    #: What users may pass as ``source``: the result of `open_source`; the directory or URL of an archive; an API token;
    #: None for the source that the environment names.
    AnySource = Source | str | PathLike[str] | None

__all__ = [
    "download_files",
    "fetch_buckets",
    "fetch_metrics",
    "fetch_series",
    "fetch_table",
    "list_attributes",
    "list_experiments",
    "list_projects",
    "list_runs",
    "open_source",
]


@public_call("list_projects")
def list_projects(*, source: AnySource = None) -> list[str]:
    """List the names of the projects of an archive, in ascending order.

    Args:
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive). None
            takes the source that the environment names.

    Returns:
        The names, as ``project`` of the other functions takes them.

    Raises:
        NeptuneUserError: The source is a server, which does not list its projects.
        TypeError: ``source`` is not a source.

    Example:
        >>> nf.list_projects()
        ['team/vision']
    """
    names: list[str] = open_source(source).projects()["project"].to_pylist()
    return sorted(names)


@public_call("list_experiments")
def list_experiments(*, project: str | None = None, experiments: Runs = None, source: AnySource = None) -> list[str]:
    """List the names of experiments, in ascending order.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names, a list (or other iterable,
            or a Polars frame with a column of names) holds exact names, a `Filter` is a condition on attributes. None
            selects all, an empty list none.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        The names, each once; empty if nothing matches.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> nf.list_experiments(experiments="^resnet")
        ['resnet-1', 'resnet-2']
    """
    return _labels(ContainerKind.EXPERIMENT, project, experiments, source)


@public_call("list_runs")
def list_runs(*, project: str | None = None, runs: Runs = None, source: AnySource = None) -> list[str]:
    """List the ids of runs (``sys/custom_run_id``), in ascending order.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        runs: Which runs. A string is an extended regular expression on run ids, a list (or other iterable, or a Polars
            frame with a column of ids) holds exact ids, a `Filter` is a condition on attributes. None selects all, an
            empty list none.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        The ids, each once; empty if nothing matches.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> nf.list_runs(runs=nf.Filter.name("resnet"))
        ['run-1', 'run-2']
    """
    return _labels(ContainerKind.RUN, project, runs, source)


@public_call("list_attributes")
def list_attributes(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    source: AnySource = None,
) -> list[str]:
    """List the names of the attributes that experiments or runs have, in ascending order.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable, or a Polars frame with a column of names) holds exact names, a `Filter` is a condition
            on attributes. Give ``experiments`` or ``runs``, or neither for the attributes of all runs.
        runs: Which runs, in the same ways, by run id.
        attributes: Which attributes. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects all.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        The names, each once; empty if nothing matches.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> nf.list_attributes(experiments=["vit-1"], attributes="^train/ | ^config/")
        ['config/lr', 'train/accuracy', 'train/loss']
    """
    everything = experiments is runs is None
    containers = runs_of(None, ContainerKind.RUN) if everything else chosen_runs(experiments, runs)
    project = resolve_project(project)
    selector = resolve_attributes(as_list(attributes), None, "attributes")
    return questions.list_attributes(open_source(source), project, containers, selector)


@public_call("fetch_metrics")
def fetch_metrics(
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
    progress_bar: bool = True,
    source: AnySource = None,
) -> MetricsResult:
    """Fetch the points of float series now.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable, or a Polars frame with a column of names) holds exact names, a `Filter` is a condition
            on attributes. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which series. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects every float series.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        include_point_previews: Whether points that are not final yet are included, with two columns about them.
        progress_bar: Whether a fetch of more than a second draws a bar, if standard error is a terminal.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A `MetricsResult`, which holds the points and takes the shape you ask for. ``.collect()`` and ``.lazy()`` are
        wide: a row per experiment (or run) and step, a column per attribute. ``.long()``, ``.to_arrow()`` and
        ``pl.DataFrame(result)`` are long: a row per point, with the columns of `scan_metrics`. ``.to_pandas()`` is the
        frame of `neptune_query.fetch_metrics`. ``len(result)`` is the number of points.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> metrics = nf.fetch_metrics(experiments=["resnet-2"], attributes="^train/", step_range=(2, None))
        >>> metrics.collect()
        shape: (3, 4)
        ┌────────────┬──────┬────────────────┬────────────┐
        │ experiment ┆ step ┆ train/accuracy ┆ train/loss │
        │ ---        ┆ ---  ┆ ---            ┆ ---        │
        │ str        ┆ f64  ┆ f64            ┆ f64        │
        ╞════════════╪══════╪════════════════╪════════════╡
        │ resnet-2   ┆ 2.0  ┆ 0.6            ┆ 0.75       │
        │ resnet-2   ┆ 3.0  ┆ 0.8            ┆ 0.4        │
        │ resnet-2   ┆ 4.0  ┆ 0.9            ┆ 0.25       │
        └────────────┴──────┴────────────────┴────────────┘
        >>> metrics.to_arrow().column_names
        ['project', 'experiment', 'attribute', 'step', 'value']
    """
    chosen = chosen_runs(experiments, runs)
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
    with long_fetch("Fetching metrics", enabled=progress_bar):
        return questions.fetch_metrics(open_source(source), question)


@public_call("fetch_series")
def fetch_series(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    include_time: Literal["absolute"] | None = None,
    step_range: StepRange = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    progress_bar: bool = True,
    source: AnySource = None,
) -> ObjectSeries:
    """Fetch the points of string, histogram and file series now.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable, or a Polars frame with a column of names) holds exact names, a `Filter` is a condition
            on attributes. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which series. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects every string, histogram and file series.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        progress_bar: Whether a fetch of more than a second draws a bar, if standard error is a terminal.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A result with ``.collect()``, ``.lazy()`` and ``.to_arrow()``, which are long (a row per point, the columns of
        `scan_series`), and ``.to_pandas()``, the frame of `neptune_query.fetch_series`.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> texts = nf.fetch_series(experiments=["resnet-1"], attributes=["samples/text"])
        >>> texts.collect().select("step", "string").rows()
        [(3.0, 'a cat'), (4.0, 'a cat, says resnet-1')]
    """
    from neptune_frames.frames.object_series import fetch_object_series

    chosen = chosen_runs(experiments, runs)
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
    with long_fetch("Fetching series", enabled=progress_bar):
        return fetch_object_series(open_source(source), question)


@public_call("fetch_buckets")
def fetch_buckets(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    limit: int = 1000,
    lineage_to_the_root: bool = True,
    include_point_previews: bool = False,
    progress_bar: bool = True,
    source: AnySource = None,
) -> BucketedMetrics:
    """Fetch float series in at most 1,000 ranges of steps (buckets): long series, small enough to draw.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable, or a Polars frame with a column of names) holds exact names, a `Filter` is a condition
            on attributes. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which series. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects every float series.
        limit: The number of buckets, 1 to 1000. The range of steps over all series is cut into that many.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        include_point_previews: Whether points that are not final yet are included.
        progress_bar: Whether a fetch of more than a second draws a bar, if standard error is a terminal.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A result with ``.collect()``, ``.lazy()`` and ``.to_arrow()``, which have a row per series and bucket and the
        columns of `scan_buckets`, and ``.to_pandas()``, the frame of `neptune_query.fetch_metric_buckets`.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> nf.fetch_buckets(experiments=["resnet-1"], attributes=["train/loss"], limit=2).to_pandas()
        experiment   resnet-1
        metric     train/loss
        bucket              x    y
        [0.0, 2.0]        0.0  2.5
        (2.0, 4.0]        4.0  0.4
    """
    from neptune_frames.frames import buckets
    from neptune_frames.query.arguments import check_bucket_limit
    from neptune_frames.query.plain_values import plain_number

    chosen = chosen_runs(experiments, runs)
    question = questions.series_question(
        chosen.kind,
        project=project,
        runs=chosen,
        attributes=as_list(attributes),
        types=FLOAT_SERIES_TYPES,
        lineage=lineage_to_the_root,
        previews=include_point_previews,
    )
    limit = check_bucket_limit(plain_number(limit, "limit"))
    with long_fetch("Fetching buckets", enabled=progress_bar):
        return buckets.fetch_buckets(open_source(source), question, limit)


@public_call("fetch_table")
def fetch_table(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    sort_by: str | Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (copied, never changed)
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: int | None = None,
    progress_bar: bool = True,
    source: AnySource = None,
) -> RunTable:
    """Fetch a table now: a row per experiment or run, a column per attribute, last values in the cells.

    Args:
        project: ``workspace/name``; None takes NEPTUNE_PROJECT.
        experiments: Which experiments. A string is an extended regular expression on names (``""`` selects all), a list
            (or other iterable, or a Polars frame with a column of names) holds exact names, a `Filter` is a condition
            on attributes. Give either ``experiments`` or ``runs``.
        runs: Which runs, in the same ways, by run id.
        attributes: Which columns. A string is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` selects by name and type. None selects all, ``[]`` none.
        sort_by: Attribute to sort by: a name, whose type is looked up, or an `Attribute` with its type. Rows without it
            come last.
        sort_direction: ``"asc"`` or ``"desc"``.
        limit: Only the first n rows; None for all.
        progress_bar: Whether a fetch of more than a second draws a bar, if standard error is a terminal.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        A result with ``.collect()``, ``.lazy()`` and ``.to_arrow()`` (``project``, ``experiment`` or ``run``, and each
        attribute in its type), and ``.to_pandas()``, the frame of `neptune_query.fetch_experiments_table`. A name with
        several types among the runs has a column for each, ``config/lr:float`` and ``config/lr:int``.
        ``.collect(type_suffix=True)`` and ``.to_pandas(type_suffix=True)`` put the type behind every name; with
        ``type_suffix=False`` they raise `ConflictingAttributeTypes` where one has several.

    Raises:
        ValueError: An argument cannot be used. Arguments are checked before anything is requested.
        TypeError: A list of experiments or runs holds something that is not a name, or ``source`` is not a source.
        QuerySyntaxError: A regular expression is not valid RE2; also a ValueError.
        NeptuneProjectNotProvided: No project is given, and NEPTUNE_PROJECT is not set.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: An attribute of a `Filter` has several types in the project.

    Example:
        >>> nf.fetch_table(experiments="resnet", attributes=["config/lr", "train/loss"]).collect().rows()
        [('team/vision', 'resnet-2', 0.01, 0.25), ('team/vision', 'resnet-1', 0.1, 0.4)]
    """
    from neptune_frames.frames.table import TableQuestion, fetch_run_table
    from neptune_frames.query.arguments import check_limit, check_sort_direction, resolve_sort
    from neptune_frames.query.plain_values import plain_number

    question = TableQuestion(
        project=resolve_project(project),
        containers=chosen_runs(experiments, runs),
        attributes=resolve_attributes(as_list(attributes), None, "attributes"),
        sort_by=resolve_sort(sort_by),
        limit=check_limit(plain_number(limit, "limit")),
        descending=check_sort_direction(sort_direction),
    )
    with long_fetch("Fetching table", enabled=progress_bar):
        return fetch_run_table(open_source(source), question)


@public_call("download_files")
def download_files(
    *,
    files: AnyFiles,
    destination: str | Path | None = None,
    progress_bar: bool = True,
    source: AnySource = None,
) -> DownloadedFiles:
    """Download files that a table or a file series names.

    Args:
        files: The result of `fetch_table` or `fetch_series`; a Polars frame, lazy or not, or an Arrow table with the
            columns of these, of `scan_table`, `scan_series` or `scan_attributes`; or `File` values: one, several in any
            iterable, or those among the cells of a pandas frame or series. All must belong to experiments, or all to
            runs. Columns of a table are called after the attribute, with or without its type (``plots/roc:file``).
        destination: Directory, created if it does not exist; ``~`` is your home directory, None the current one.
        progress_bar: Whether a bar is drawn, if standard error is a terminal.
        source: What to read: the result of `open_source`, or its argument (the directory or URL of an archive, or an
            API token). None takes the source that the environment names.

    Returns:
        The paths of the files. ``.collect()`` has a row per file: ``project``, ``experiment`` or ``run``,
        ``attribute``, ``step`` and the absolute local ``path``, null where the source does not have the file.
        ``.to_pandas()`` is the frame of `neptune_query.download_files`: a row per label and step, a column per
        attribute.

    Raises:
        ValueError: There is no file in ``files`` but something else, a frame does not say whose files it holds, or two
            files have one label, attribute and step.
        TypeError: ``files`` is none of the above.
        NeptuneUserError: Some files belong to experiments and some to runs.
        NotADirectoryError: The destination is a file.
        PermissionError: The destination cannot be written to.
        NeptuneFileDownloadError: A file cannot be downloaded.

    Example:
        >>> table = nf.fetch_table(runs=["run-1"], attributes=["plots/roc"])
        >>> nf.download_files(files=table, destination="downloads").collect()["path"].item()
        '.../downloads/run-1/plots/roc.txt'
    """
    from neptune_frames.frames import files as file_frames
    from neptune_frames.frames.chosen_files import chosen_files, common_kind

    chosen = chosen_files(files)
    kind = common_kind(chosen, files)
    directory = file_frames.prepare_destination(None if destination is None else Path(destination).expanduser())
    with allowing_bars(progress_bar):
        return file_frames.download_files(open_source(source), chosen, directory, kind)


def _labels(kind: ContainerKind, project: str | None, chosen: Runs, source: AnySource) -> list[str]:
    project, containers = resolve_project(project), runs_of(chosen, kind)
    return questions.list_labels(open_source(source), project, containers)
