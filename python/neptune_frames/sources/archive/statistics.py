"""Aggregates of float series (nql.md section 4, rule 9)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neptune_frames.sources.archive.grouping import Indices, Steps

#: Columns of `series_statistics`, beside the number of points and the first and last step.
STATISTICS = ("last", "min", "max", "average", "variance")


def series_statistics(
    offsets: Indices, steps: Steps, values: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.generic]]:
    """Statistics of each series: ``count``, ``first_step``, ``last_step``, and `STATISTICS`.

    No series may be empty. ``last`` is the true last value; the others leave NaN out, are NaN where
    nothing else is there, and follow IEEE rules for infinities. The variance is the population's,
    taken around the mean so that it does not cancel.
    """
    if len(offsets) < 2:
        empty = np.empty(0)
        return {"count": empty.astype(np.int64), **dict.fromkeys(("first_step", "last_step", *STATISTICS), empty)}
    starts, lengths = offsets[:-1], np.diff(offsets)
    missing = np.isnan(values)
    numbers = lengths - np.add.reduceat(missing.astype(np.int64), starts)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        average = np.add.reduceat(np.where(missing, 0.0, values), starts) / numbers
        deviations = values - np.repeat(average, lengths)
        deviations[missing] = 0.0
        variance = np.add.reduceat(deviations * deviations, starts) / numbers
        return {
            "count": lengths,
            "first_step": steps[starts],
            "last_step": steps[offsets[1:] - 1],
            "last": values[offsets[1:] - 1],
            "min": np.fmin.reduceat(values, starts),
            "max": np.fmax.reduceat(values, starts),
            "average": average,
            "variance": variance,
        }
