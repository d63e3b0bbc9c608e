"""Lists of points: dropping empty ones, and putting points in step order. No copies where none are needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.slices import offsets_of

Rows = npt.NDArray[np.int64]


class PointLists:
    """The non-empty lists of an answer: ``rows`` of the answer, ``offsets`` into ``points``, as they came."""

    def __init__(self, lists: pa.LargeListArray) -> None:
        lengths = np.diff(lists.offsets.to_numpy())
        if lists.null_count:
            lengths = np.where(lists.is_valid().to_numpy(zero_copy_only=False), lengths, 0)
        self.lengths: Rows = lengths.astype(np.int64)
        self.rows: Rows = np.flatnonzero(lengths)
        self.offsets: Rows = offsets_of(self.lengths[self.rows])
        self.points: pa.StructArray = lists.flatten()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def last_steps(self) -> npt.NDArray[np.float64]:
        """Step of the last point of each list, as it came."""
        return self._steps()[self.offsets[1:] - 1]

    @property
    def first_steps(self) -> npt.NDArray[np.float64]:
        return self._steps()[self.offsets[:-1]]

    def direction(self) -> int:
        """1 where steps ascend within all lists, -1 where they descend, 0 where neither holds for all."""
        steps = self._steps()
        between = self.offsets[1:-1] - 1
        for sign, in_order in ((1, np.greater_equal), (-1, np.less_equal)):
            ordered = in_order(steps[1:], steps[:-1])
            ordered[between] = True
            if ordered.all():
                return sign
        return 0

    def ascending(self) -> pa.LargeListArray:
        """The lists with ascending steps."""
        direction = self.direction()
        points = self.points
        if direction != 1:
            points = points.take(pa.array(self._descending_order() if direction else self._sorting_order()))
        return pa.LargeListArray.from_arrays(pa.array(self.offsets), points)

    def _steps(self) -> npt.NDArray[np.float64]:
        steps: npt.NDArray[np.float64] = self.points.field("step").to_numpy()
        return steps

    def _descending_order(self) -> Rows:
        """Positions that turn every list around: start + end - 1 - position."""
        turn = np.repeat(self.offsets[:-1] + self.offsets[1:] - 1, np.diff(self.offsets))
        order: Rows = turn - np.arange(len(turn))
        return order

    def _sorting_order(self) -> Rows:
        lists = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        return np.lexsort((self._steps(), lists))
