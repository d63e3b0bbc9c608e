"""What a request for points says once, for all its series."""

from __future__ import annotations

import math

from neptune_frames.errors import NeptuneUserError
from neptune_frames.query.selection import StepRange
from neptune_frames.wire.requests.message import Message


class SeriesTerms(Message, frozen=True):
    """Which points of each series are wanted.

    Args:
        lineage: ``FULL`` or ``NONE``.
        lineage_entity_type: ``RUN`` or ``EXPERIMENT``; None leaves it out.
        per_series_points_limit: Most points of each series; None, for series of other types than float, is no limit.
        include_preview: Whether points that are not final yet are included; float series only.
        step_range: First and last step, inclusive; None is open.
        order: ``ascending`` or ``descending``.
    """

    lineage: str
    lineage_entity_type: str | None = None
    per_series_points_limit: int | None = None
    include_preview: bool = False
    step_range: StepRange = (None, None)
    order: str = "ascending"

    def check(self) -> None:
        """Raise `NeptuneUserError` for a step range that JSON cannot say."""
        for step in self.step_range:
            if step is not None and not math.isfinite(step):
                raise NeptuneUserError(
                    f"step_range={self.step_range!r} has no finite bound; use None for an open side."
                )
