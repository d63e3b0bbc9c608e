"""`ReadOnlyProject`: the runs and experiments of a project."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from neptune_fetcher._arguments import as_list, as_nonempty_list, check_text, check_token, check_trashed
from neptune_fetcher._criteria import Criteria
from neptune_fetcher._tables import TableLayout, fetch_identities, fetch_table
from neptune_fetcher.read_only_run import ReadOnlyRun
from neptune_fetcher.util import fetcher_call
from neptune_frames.query.attributes import SYS_CREATION_TIME, SYS_CUSTOM_RUN_ID, SYS_ID, SYS_NAME
from neptune_frames.query.selection import ContainerKind, RunQuery, SortKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    import pyarrow as pa

    from neptune_frames.sources.base import Source

__all__ = ["ReadOnlyProject"]

EXPERIMENT, RUN = ContainerKind.EXPERIMENT, ContainerKind.RUN

_IDENTITY = (SYS_ID, SYS_NAME, SYS_CUSTOM_RUN_ID)
_NEWEST_ID_FIRST = SortKey(SYS_ID, "string", descending=True)


class ReadOnlyProject:
    """A project, read-only, on a server or in an archive (NEPTUNE_ARCHIVE).

    Args:
        project: ``workspace/name``; default NEPTUNE_PROJECT.
        api_token: API token. Without one, NEPTUNE_ARCHIVE is used, then NEPTUNE_API_TOKEN.
        proxies: Proxy URL by scheme, as for the Requests library: ``{"https": "http://proxy:3128"}``.
        source: What to read instead: the directory of an archive, or a source of `neptune_frames`.

    Attributes:
        project_identifier: ``workspace/name`` as the server spells it.

    Raises:
        ValueError: There is no project, or neither a token nor an archive.
        InvalidApiTokenException: The token cannot be read (`neptune_fetcher.exceptions`).
        NeptuneException: The project, or the archive, cannot be reached.

    Example:
        >>> project = ReadOnlyProject("team/vision")
        >>> project
        <ReadOnlyProject team/vision>
    """

    project_identifier: str

    def __init__(
        self,
        project: str | None = None,
        api_token: str | None = None,
        proxies: Mapping[str, str] | None = None,
        *,
        source: Source | str | os.PathLike[str] | None = None,
    ) -> None:
        from neptune_frames import config
        from neptune_frames.errors import InvalidApiTokenError, NeptuneApiTokenNotProvided, NeptuneProjectNotProvided
        from neptune_frames.query.arguments import resolve_project
        from neptune_frames.sources.choose import default_source, open_source, project_not_provided

        check_token(api_token)
        try:
            wanted = resolve_project(project)
            with fetcher_call("ReadOnlyProject"):
                self._source = default_source(api_token or None, proxies) if source is None else open_source(source)
                self.project_identifier = self._source.project_name(wanted)
        except NeptuneProjectNotProvided:
            raise ValueError(str(project_not_provided(source))) from None
        except NeptuneApiTokenNotProvided as error:
            if api_token or config.API_TOKEN.name in os.environ:  # a blank one was given
                raise InvalidApiTokenError(f"it is empty ({config.API_TOKEN.name}, or api_token)") from None
            raise ValueError(str(error)) from None

    def __repr__(self) -> str:
        return f"<ReadOnlyProject {self.project_identifier}>"

    def list_runs(self) -> Iterator[dict[str, str | None]]:
        """List the identifiers of all runs, the highest ``sys/id`` first; runs in the trash are left out.

        Returns:
            An iterator of dictionaries with ``sys/id``, ``sys/name`` and ``sys/custom_run_id``; what a run lacks is
            None. Nothing is requested before the first one is taken.

        Raises:
            NeptuneException: The server does not answer as expected.

        Example:
            >>> next(ReadOnlyProject("team/vision").list_runs())
            {'sys/id': 'VIS-3', 'sys/name': 'vit-1', 'sys/custom_run_id': 'run-3'}
        """
        yield from self._list("ReadOnlyProject.list_runs", RUN)

    def list_experiments(self) -> Iterator[dict[str, str | None]]:
        """List the identifiers of all experiments, the highest ``sys/id`` first; those in the trash are left out.

        Returns:
            An iterator of dictionaries with ``sys/id``, ``sys/name`` and ``sys/custom_run_id``, as `list_runs` gives
            them.

        Raises:
            NeptuneException: The server does not answer as expected.

        Example:
            >>> [experiment["sys/name"] for experiment in ReadOnlyProject("team/vision").list_experiments()]
            ['vit-1', 'resnet-2', 'resnet-1']
        """
        yield from self._list("ReadOnlyProject.list_experiments", EXPERIMENT)

    def fetch_runs(self) -> pd.DataFrame:
        """Fetch a table of the identifiers of all runs.

        Returns:
            A pandas frame with the columns ``sys/custom_run_id``, ``sys/id`` and ``sys/name``.

        Raises:
            NeptuneException: The server does not answer as expected.

        Example:
            >>> ReadOnlyProject("team/vision").fetch_runs()
              sys/custom_run_id sys/id  sys/name
            0             run-3  VIS-3     vit-1
            1             run-2  VIS-2  resnet-2
            2             run-1  VIS-1  resnet-1
        """
        return self._identities("fetch_runs", RUN)

    def fetch_experiments(self) -> pd.DataFrame:
        """Fetch a table of the identifiers of all experiments.

        Returns:
            A pandas frame with the columns ``sys/custom_run_id``, ``sys/id`` and ``sys/name``.

        Raises:
            NeptuneException: The server does not answer as expected.

        Example:
            >>> ReadOnlyProject("team/vision").fetch_experiments()["sys/name"].to_list()
            ['vit-1', 'resnet-2', 'resnet-1']
        """
        return self._identities("fetch_experiments", EXPERIMENT)

    def fetch_runs_df(
        self,
        columns: Iterable[str] | None = None,
        columns_regex: str | None = None,
        names_regex: str | Iterable[str] | None = None,
        custom_id_regex: str | None = None,
        with_ids: Iterable[str] | None = None,
        custom_ids: Iterable[str] | None = None,
        states: Iterable[str] | None = None,
        owners: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
        trashed: bool | None = False,
        limit: int | None = None,
        sort_by: str = SYS_CREATION_TIME,
        ascending: bool = False,
        progress_bar: bool = True,
        query: str | None = None,
    ) -> pd.DataFrame:
        """Fetch a table of runs: a row for each, a column for each field.

        A run must satisfy all criteria. Where a list is expected, a single string stands for a list of one.

        Args:
            columns: Names of fields. ``sys/custom_run_id``, ``sys/name`` and the sorting column are always included.
            columns_regex: Also include fields whose names match this regular expression.
            names_regex: Regular expressions; a run's name must match all of them.
            custom_id_regex: Regular expression for the custom run id.
            with_ids: Neptune ids, any of them.
            custom_ids: Custom run ids, any of them.
            states: ``"active"`` or ``"inactive"``, any of them.
            owners: Names of owners, any of them.
            tags: Tags, all of them.
            trashed: True for runs in the trash only, False for all others, None for both.
            limit: The most rows, up to 5000; None for all.
            sort_by: Field to sort by: a string, number, boolean or time.
            ascending: Whether the smallest comes first.
            progress_bar: Whether a long fetch draws a bar on standard error, if that is a terminal.
            query: NQL that the runs must also satisfy.

        Returns:
            A pandas frame with ``sys`` columns first and ``monitoring`` columns last. A series shows its last value, a
            string set its elements joined with commas. Fields without a plain value are None, and a column that no run
            has is all ``pandas.NA``.

        Raises:
            ValueError: An argument is out of its documented range.
            TypeError: An argument has another type.
            NeptuneException: The server refuses the request, for example because of an invalid query or pattern.

        Example:
            >>> ReadOnlyProject("team/vision").fetch_runs_df(columns=["config/lr"], tags=["candidate"])
                      sys/creation_time sys/custom_run_id  sys/name  config/lr
            0 2026-03-04 00:00:00+00:00             run-3     vit-1      0.001
            1 2026-03-03 00:00:00+00:00             run-2  resnet-2      0.010
        """
        return self._table(
            "fetch_runs_df",
            RUN,
            Criteria(
                trashed=check_trashed(trashed),
                with_ids=as_list(with_ids, "with_ids"),
                custom_ids=as_list(custom_ids, "custom_ids"),
                states=as_list(states, "states"),
                owners=as_list(owners, "owners"),
                tags=as_list(tags, "tags"),
                names_regex=as_list(names_regex, "names_regex"),
                custom_id_regex=check_text(custom_id_regex, "custom_id_regex"),
                query=check_text(query, "query"),
            ),
            TableLayout.of(
                columns=columns, columns_regex=columns_regex, limit=limit, sort_by=sort_by, ascending=ascending
            ),
            progress_bar,
        )

    def fetch_experiments_df(
        self,
        columns: Iterable[str] | None = None,
        columns_regex: str | None = None,
        names_regex: str | Iterable[str] | None = None,
        names_exclude_regex: str | Iterable[str] | None = None,
        custom_id_regex: str | None = None,
        with_ids: Iterable[str] | None = None,
        custom_ids: Iterable[str] | None = None,
        states: Iterable[str] | None = None,
        owners: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
        trashed: bool | None = False,
        limit: int | None = None,
        sort_by: str = SYS_CREATION_TIME,
        ascending: bool = False,
        progress_bar: bool = True,
        query: str | None = None,
    ) -> pd.DataFrame:
        """Fetch a table of experiments: a row for the head run of each, a column for each field.

        An experiment must satisfy all criteria. Where a list is expected, a single string stands for a list of one.

        Args:
            columns: Names of fields. ``sys/custom_run_id``, ``sys/name`` and the sorting column are always included.
            columns_regex: Also include fields whose names match this regular expression.
            names_regex: Regular expressions; an experiment's name must match all of them.
            names_exclude_regex: Regular expressions; an experiment's name must match none of them.
            custom_id_regex: Regular expression for the custom run id.
            with_ids: Neptune ids, any of them.
            custom_ids: Custom run ids, any of them.
            states: ``"active"`` or ``"inactive"``, any of them.
            owners: Names of owners, any of them.
            tags: Tags, all of them.
            trashed: True for experiments in the trash only, False for all others, None for both.
            limit: The most rows, up to 5000; None for all.
            sort_by: Field to sort by: a string, number, boolean or time.
            ascending: Whether the smallest comes first.
            progress_bar: Whether a long fetch draws a bar on standard error, if that is a terminal.
            query: NQL that the experiments must also satisfy.

        Returns:
            A pandas frame with ``sys`` columns first and ``monitoring`` columns last. A series shows its last value, a
            string set its elements joined with commas. Fields without a plain value are None, and a column that no
            experiment has is all ``pandas.NA``.

        Raises:
            ValueError: An argument is out of its documented range, or ``names_regex`` or ``names_exclude_regex`` is
                empty or contains an empty string.
            TypeError: An argument has another type.
            NeptuneException: The server refuses the request, for example because of an invalid query or pattern.

        Example:
            >>> project = ReadOnlyProject("team/vision")
            >>> project.fetch_experiments_df(names_exclude_regex="^vit", sort_by="config/lr", ascending=True)
              sys/custom_run_id  sys/name  config/lr
            0             run-2  resnet-2       0.01
            1             run-1  resnet-1       0.10
        """
        return self._table(
            "fetch_experiments_df",
            EXPERIMENT,
            Criteria(
                trashed=check_trashed(trashed),
                with_ids=as_list(with_ids, "with_ids"),
                custom_ids=as_list(custom_ids, "custom_ids"),
                states=as_list(states, "states"),
                owners=as_list(owners, "owners"),
                tags=as_list(tags, "tags"),
                names_regex=as_nonempty_list(names_regex, "names_regex"),
                names_exclude_regex=as_nonempty_list(names_exclude_regex, "names_exclude_regex"),
                custom_id_regex=check_text(custom_id_regex, "custom_id_regex"),
                query=check_text(query, "query"),
            ),
            TableLayout.of(
                columns=columns, columns_regex=columns_regex, limit=limit, sort_by=sort_by, ascending=ascending
            ),
            progress_bar,
        )

    def fetch_read_only_runs(
        self,
        with_ids: Iterable[str] | None = None,
        custom_ids: Iterable[str] | None = None,
        eager_load_fields: bool = True,
    ) -> Iterator[ReadOnlyRun]:
        """Get runs as `ReadOnlyRun` objects: those with these ids, then those with these custom ids.

        Unknown runs and runs in the trash are left out; within each group the highest ``sys/id`` comes first.

        Args:
            with_ids: Neptune ids.
            custom_ids: Custom run ids.
            eager_load_fields: Whether names and types of all fields are loaded at once; otherwise when they are needed.

        Returns:
            An iterator; nothing is requested before the first run is taken. Without any id it is empty.

        Raises:
            TypeError: An id is not a string.
            NeptuneException: The server does not answer as expected.

        Example:
            >>> list(ReadOnlyProject("team/vision").fetch_read_only_runs(custom_ids=["run-1", "run-2"]))
            [<ReadOnlyRun team/vision/VIS-2>, <ReadOnlyRun team/vision/VIS-1>]
        """
        yield from self._runs(RUN, Criteria(with_ids=as_list(with_ids, "with_ids")), eager_load_fields)
        yield from self._runs(RUN, Criteria(custom_ids=as_list(custom_ids, "custom_ids")), eager_load_fields)

    def fetch_read_only_experiments(
        self, names: Iterable[str] | None = None, eager_load_fields: bool = True
    ) -> Iterator[ReadOnlyRun]:
        """Get experiments as `ReadOnlyRun` objects, the highest ``sys/id`` first.

        Unknown experiments and those in the trash are left out.

        Args:
            names: Names of experiments.
            eager_load_fields: Whether names and types of all fields are loaded at once; otherwise when they are needed.

        Returns:
            An iterator; nothing is requested before the first experiment is taken. Without any name it is empty.

        Raises:
            TypeError: A name is not a string.
            NeptuneException: The server does not answer as expected.

        Example:
            >>> list(ReadOnlyProject("team/vision").fetch_read_only_experiments(names=["vit-1"]))
            [<ReadOnlyRun team/vision/VIS-3>]
        """
        yield from self._runs(EXPERIMENT, Criteria(names=as_list(names, "names")), eager_load_fields)

    def _list(self, call: str, kind: ContainerKind) -> Iterator[dict[str, str | None]]:
        runs = self._search(call, kind, Criteria(), _NEWEST_ID_FIRST)
        columns = (runs[name].to_pylist() for name in ("sys_id", "experiment", "run_id"))
        for identity in zip(*columns, strict=True):
            yield dict(zip(_IDENTITY, identity, strict=True))

    def _runs(self, kind: ContainerKind, criteria: Criteria, eager_load_fields: bool) -> Iterator[ReadOnlyRun]:
        if not (criteria.with_ids or criteria.custom_ids or criteria.names):
            return
        runs = self._search("ReadOnlyProject.fetch_read_only_runs", kind, criteria, _NEWEST_ID_FIRST)
        for row in range(runs.num_rows):
            yield ReadOnlyRun._of(self, runs.slice(row, 1), eager_load_fields)

    def _find_run(self, with_id: str | None, custom_id: str | None, experiment_name: str | None) -> pa.Table:
        """The run of one identifier, as RUNS with one row."""
        if sum(identifier is not None for identifier in (with_id, custom_id, experiment_name)) != 1:
            raise ValueError("Give exactly one of the parameters with_id, custom_id and experiment_name.")
        with_id = check_text(with_id, "with_id")
        custom_id = check_text(custom_id, "custom_id")
        experiment_name = check_text(experiment_name, "experiment_name")
        if experiment_name is not None:
            kind, criteria, said = EXPERIMENT, Criteria(names=[experiment_name]), f"name {experiment_name!r}"
        elif custom_id is not None:
            kind, criteria, said = RUN, Criteria(custom_ids=[custom_id]), f"custom id {custom_id!r}"
        else:
            kind, criteria, said = RUN, Criteria(with_ids=[with_id or ""]), f"Neptune ID {with_id!r}"
        found = self._search("ReadOnlyRun", kind, criteria, SortKey(), limit=1)
        if not found.num_rows:
            raise ValueError(f"No experiment found with {said}")
        return found

    def _search(
        self, call: str, kind: ContainerKind, criteria: Criteria, sort: SortKey, limit: int | None = None
    ) -> pa.Table:
        with fetcher_call(call):
            query = RunQuery(self.project_identifier, kind, criteria.expression(), sort, limit)
            return self._source.search(query).runs

    def _identities(self, call: str, kind: ContainerKind) -> pd.DataFrame:
        with fetcher_call(f"ReadOnlyProject.{call}"):
            return fetch_identities(self._source, self.project_identifier, kind, Criteria())

    def _table(
        self, call: str, kind: ContainerKind, criteria: Criteria, layout: TableLayout, progress_bar: bool
    ) -> pd.DataFrame:
        criteria.check()
        with fetcher_call(f"ReadOnlyProject.{call}"):
            return fetch_table(
                self._source, self.project_identifier, kind, criteria, layout, progress_bar=bool(progress_bar)
            )
