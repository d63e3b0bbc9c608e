"""Read runs and experiments: the interface of the official `neptune-fetcher` package, version 0.23.

Answered by `neptune_frames` from a Neptune server (``NEPTUNE_API_TOKEN``) or from a Parquet archive
(``NEPTUNE_ARCHIVE``). `ReadOnlyProject` lists runs and makes tables of them, `ReadOnlyRun` reads one run field by
field, `neptune_fetcher.alpha` has functions like those of `neptune_query`.

Example:
    >>> from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
    >>> project = ReadOnlyProject("team/vision")
    >>> project.fetch_experiments_df(columns=["config/lr"], names_regex="^resnet")["config/lr"].to_list()
    [0.01, 0.1]
    >>> run = ReadOnlyRun(project, experiment_name="resnet-1")
    >>> run["train/loss"].fetch_values()["value"].to_list()
    [2.5, 1.25, 0.75, 0.5, 0.4]
"""

from __future__ import annotations

from neptune_fetcher import exceptions as exceptions
from neptune_fetcher import fields as fields
from neptune_fetcher.read_only_project import ReadOnlyProject
from neptune_fetcher.read_only_run import ReadOnlyRun
from neptune_frames.installation import warn_of_official_distribution as _warn_of_official_distribution

__all__ = ["ReadOnlyProject", "ReadOnlyRun"]

_warn_of_official_distribution("neptune-fetcher")
