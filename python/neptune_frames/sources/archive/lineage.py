"""Which stretch of which ancestor belongs to a run's series (neptune-export-format 10, http-api 5.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from neptune_frames.query.selection import ContainerKind, SeriesOptions
from neptune_frames.sources.archive.layout import MICROSTEPS

Runs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lineage:
    """Parents of all runs of a project.

    ``parent`` is a run or -1, ``fork_step`` the last step inherited from it, ``experiment`` a number
    per experiment name or -1. There are no cycles: `lineage_of` cuts them.
    """

    parent: Runs
    fork_step: npt.NDArray[np.float64]
    experiment: Runs

    def contributions(self, runs: Runs, options: SeriesOptions) -> pl.DataFrame:
        """The runs whose points make up the series of each of ``runs``.

        Columns: ``target`` (position in ``runs``), ``run`` (the contributing run), ``limit`` (the last step
        it contributes; infinite for own points) and ``depth`` (0 for the run itself, 1 for its parent ...).
        A fork whose step is unknown passes nothing on.
        """
        target = np.arange(len(runs), dtype=np.int64)
        run, limit = runs.astype(np.int64), np.full(len(runs), np.inf)
        levels = [(target, run, limit)]
        while options.lineage or options.kind is ContainerKind.EXPERIMENT:
            forked = (self.parent[run] >= 0) & ~np.isnan(self.fork_step[run])
            target, limit, run = (
                target[forked],
                np.minimum(limit, self.fork_step[run])[forked],
                self.parent[run[forked]],
            )
            if not len(run):
                break
            levels.append((target, run, limit))
        table = pl.concat(
            [
                pl.DataFrame({"target": target, "run": run, "limit": limit}).with_columns(
                    pl.lit(depth, pl.Int32).alias("depth")
                )
                for depth, (target, run, limit) in enumerate(levels)
            ]
        )
        if options.lineage or options.kind is ContainerKind.RUN:
            return table
        experiment = self.experiment[table["run"].to_numpy()]
        own = self.experiment[runs[table["target"].to_numpy()]]
        return table.filter(pl.Series((experiment == own) & (own >= 0)) | (pl.col("depth") == 0))

    def inherits(self, runs: Runs, options: SeriesOptions) -> bool:
        """Whether any of the runs may have points of another; if not, `contributions` are the runs themselves."""
        if not (options.lineage or options.kind is ContainerKind.EXPERIMENT):
            return False
        return bool(((self.parent[runs] >= 0) & ~np.isnan(self.fork_step[runs])).any())

    def reach(self, runs: Runs) -> npt.NDArray[np.float64]:
        """For every run of the project the last step that any of ``runs`` has from it, -inf for none."""
        taken = self.contributions(runs, SeriesOptions())
        reach = np.full(len(self.parent), -np.inf)
        np.maximum.at(reach, taken["run"].to_numpy(), taken["limit"].to_numpy())
        return reach


def lineage_of(parent: Runs, fork_step: npt.NDArray[np.float64], experiment: Runs) -> Lineage:
    """Parents of all runs. Runs on a cycle, which only a damaged archive has, count as having no parent."""
    reached = parent
    for _ in range(len(parent).bit_length() + 1):
        reached = np.where(reached >= 0, reached[reached], -1)
    parent = parent.copy()
    parent[reached[reached >= 0]] = -1
    # Steps are stored in millionths; a fork step that is not must include the point it names.
    rounded = np.rint(fork_step * MICROSTEPS) / MICROSTEPS
    return Lineage(parent, np.fmax(fork_step, rounded), experiment)
