"""`ReadOnlyRun`: one run (or experiment), field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from neptune_fetcher._arguments import check_step_range, required_list, required_text
from neptune_fetcher.fetchable import Fetchable, handle_on
from neptune_fetcher.util import fetcher_call, warn_of_unsupported_types

if TYPE_CHECKING:
    import pyarrow as pa

    from neptune_fetcher.read_only_project import ReadOnlyProject

__all__ = ["ReadOnlyRun"]


class ReadOnlyRun:
    """A run of a project, read-only.

    Give exactly one of the identifiers. Runs in the trash are not found, nor is a run by the name of its experiment if
    another run has become the experiment's head.

    Args:
        read_only_project: The project that the run belongs to.
        with_id: Neptune id, such as ``RUN-1``.
        custom_id: Custom run id.
        experiment_name: Name of an experiment.
        eager_load_fields: Whether names and types of all fields are loaded at once; otherwise when they are needed.

    Raises:
        ValueError: Not exactly one identifier is given, or there is no such run.
        TypeError: ``read_only_project`` is not a `ReadOnlyProject`, or an identifier is not a string.
        NeptuneException: The server does not answer as expected.

    Example:
        >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), custom_id="run-2")
        >>> run["config/lr"].fetch(), run["train/loss"].fetch_last()
        (0.01, 0.25)
    """

    project: ReadOnlyProject
    with_id: str

    def __init__(
        self,
        read_only_project: ReadOnlyProject,
        with_id: str | None = None,
        custom_id: str | None = None,
        experiment_name: str | None = None,
        eager_load_fields: bool = True,
    ) -> None:
        from neptune_fetcher.read_only_project import ReadOnlyProject

        if not isinstance(read_only_project, ReadOnlyProject):
            raise TypeError(
                "read_only_project must be a ReadOnlyProject, such as ReadOnlyProject('workspace/project'), "
                f"got {type(read_only_project).__name__}"
            )
        run = read_only_project._find_run(with_id, custom_id, experiment_name)
        self._open(read_only_project, run, eager_load_fields)

    @classmethod
    def _of(cls, project: ReadOnlyProject, run: pa.Table, eager_load_fields: bool) -> ReadOnlyRun:
        """The run in the one row of a RUNS table."""
        self = cls.__new__(cls)
        self._open(project, run, eager_load_fields)
        return self

    @fetcher_call("ReadOnlyRun")
    def _open(self, project: ReadOnlyProject, run: pa.Table, eager_load_fields: bool) -> None:
        from neptune_frames.frames.run_fields import RunFields

        self.project = project
        self._fields = RunFields(project._source, run)
        self._handles: dict[str, Fetchable] = {}
        self.with_id = self._fields.sys_id
        if eager_load_fields:
            self._load_structure()

    def __repr__(self) -> str:
        return f"<ReadOnlyRun {self.project.project_identifier}/{self.with_id}>"

    @property
    def field_names(self) -> Iterator[str]:
        """Names of all fields, in alphabetical order, as an iterator.

        Example:
            >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), custom_id="run-2")
            >>> [name for name in run.field_names if name.startswith("train/")]
            ['train/accuracy', 'train/loss']
        """
        yield from self._names()

    @fetcher_call("ReadOnlyRun.field_names")
    def _names(self) -> list[str]:
        self._load_structure()
        return self._fields.names()

    def _load_structure(self) -> None:
        self._fields.load_structure()
        warn_of_unsupported_types(self._fields.unsupported_types())

    def __getitem__(self, path: str) -> Fetchable:
        """The field with this name.

        Args:
            path: Name of the field.

        Returns:
            A `neptune_fetcher.fetchable.Fetchable`, for a float series a `FetchableSeries`; every time the same one.

        Raises:
            KeyError: The run does not have it. The next look-up asks again.
            TypeError: ``path`` is not a string.
        """
        name = required_text(path, "The name of a field")
        handle = self._handles.get(name)
        if handle is None:
            field_type = self._fields.types.get(name)
            if field_type is None:
                field_type = self._look_up(name)
            handle = self._handles[name] = handle_on(self._fields, name, field_type)
        return handle

    def _ipython_key_completions_(self) -> list[str]:
        """Names of fields that are known already: completion asks nothing."""
        return sorted(self._fields.types)

    @fetcher_call("ReadOnlyRun")
    def _look_up(self, path: str) -> str:
        """The type of a field that is not known yet."""
        field_type = self._fields.type_of(path)
        if field_type is None:
            raise KeyError(path)
        warn_of_unsupported_types(self._fields.unsupported_types([path]))
        return field_type

    # Without these, Python would try run[0], run[1] and so on, with a request each.
    __iter__ = None
    __contains__ = None

    def __delitem__(self, path: str) -> None:
        """Forget the value of a field: the next ``fetch()`` asks for it again.

        Args:
            path: Name of the field.

        Raises:
            KeyError: No value is known.
        """
        self._fields.forget_value(path)

    @fetcher_call("ReadOnlyRun.prefetch")
    def prefetch(self, paths: Iterable[str]) -> None:
        """Fetch the values of these fields into the cache; for series, the last value.

        Values that are already there are not fetched again; names that the run does not have are skipped.

        Args:
            paths: Names of fields.

        Raises:
            TypeError: A name is not a string.
            NeptuneException: The server does not answer as expected.

        Example:
            >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), custom_id="run-2")
            >>> run.prefetch(["config/lr", "sys/owner"])
            >>> run["sys/owner"].fetch()
            'ada'
        """
        self._fields.prefetch(required_list(paths, "paths"))

    @fetcher_call("ReadOnlyRun.prefetch_series_values")
    def prefetch_series_values(
        self,
        paths: Iterable[str],
        use_threads: bool = False,
        progress_bar: bool = True,
        include_inherited: bool = True,
        step_range: tuple[float | None, float | None] = (None, None),
    ) -> None:
        """Fetch all points of these series into the cache, for `FetchableSeries.fetch_values`.

        Fields that are not float series are skipped.

        Args:
            paths: Names of fields.
            use_threads: Has no effect. Requests always run in parallel, as many as NEPTUNE_FETCHER_MAX_WORKERS allows.
            progress_bar: Whether a bar is drawn on standard error, if that is a terminal.
            include_inherited: Whether points inherited from the runs this one was forked from are included.
            step_range: First and last step, both inclusive; None leaves an end open.

        Raises:
            TypeError: A name is not a string, or ``step_range`` is not a pair of numbers or None.
            NeptuneException: The server does not answer as expected.

        Example:
            >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), custom_id="run-2")
            >>> run.prefetch_series_values(["train/loss", "train/accuracy"], include_inherited=False)
            >>> run["train/loss"].fetch_values(include_inherited=False, include_timestamp=False)
               step  value
            0   3.0   0.40
            1   4.0   0.25
        """
        self._fields.prefetch_series(
            required_list(paths, "paths"),
            inherited=include_inherited,
            step_range=check_step_range(step_range),
            show_progress=bool(progress_bar),
        )
