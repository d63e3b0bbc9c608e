"""Reading series page by page: what the endpoints of float series and of other series (F and R) have in common.

Whole series are read in ascending order, so that each page can be handed on as it comes. The last points
of series (``tail_limit``) can be found from the end only; their pages are put in order when all are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.sources.remote.concurrency import Step, fetch_unordered, large_answers_ahead
from neptune_frames.sources.remote.point_lists import PointLists
from neptune_frames.sources.remote.responses import answer_to
from neptune_frames.sources.remote.series_requests import SeriesBatch

Place = TypeVar("Place")
Rows = npt.NDArray[np.int64]
Pieces = tuple[pa.RecordBatch, ...]

#: For `SeriesPage.unfinished`: the answer holds all that was left.
NOTHING: Rows = np.empty(0, np.int64)


@dataclass(frozen=True)
class SeriesPage(Generic[Place]):
    """One answer about a batch of series.

    ``rows`` are the series of the batch that the lists of points belong to, ``unfinished`` those that have more, and
    ``place`` says where these go on (None where there are none).
    """

    rows: Rows
    lists: PointLists
    unfinished: Rows
    place: Place | None = None


#: Asks for the next page of a batch, from a place on (None: from the beginning).
Ask = Callable[[SeriesBatch, "Place | None"], SeriesPage[Place]]


@dataclass(frozen=True)
class SeriesPages(Generic[Place]):
    """All pages of batches of series. ``path`` names the requests in errors."""

    path: str
    schema: pa.Schema
    from_the_end: bool
    ask: Ask[Place]

    def read(self, batches: Iterator[SeriesBatch]) -> Iterator[pa.RecordBatch]:
        """SERIES_POINTS batches; pieces of one series come in step order. Series without points do not appear."""
        chains = (partial(self._step, _Progress[Place](batch)) for batch in batches)
        for pieces in fetch_unordered(chains, large_answers_ahead()):
            yield from pieces

    def _step(self, progress: _Progress[Place]) -> Step[Pieces]:
        """One answer, and what remains to be asked."""
        batch = progress.batch
        with answer_to(self.path, batch.projects):
            page = self.ask(batch, progress.place)
        pieces = progress.held
        if len(page.lists):
            runs, attributes = batch.runs[page.rows], batch.attributes[page.rows]
            columns = [pa.array(runs), pa.array(attributes), page.lists.ascending()]
            pieces = (*pieces, pa.RecordBatch.from_arrays(columns, schema=self.schema))
        if len(page.unfinished) == 0:
            return Step(tuple(reversed(pieces)) if self.from_the_end else pieces)
        held = pieces if self.from_the_end else ()
        following = _Progress(batch.take(page.unfinished), page.place, held)
        return Step(() if self.from_the_end else pieces, partial(self._step, following))


def check_progress(lists: PointLists, after: npt.NDArray[np.float64], from_the_end: bool, ignored: str) -> None:
    """A server that does not continue after the step it has come to would send the same points for ever.

    Args:
        lists: The points of an answer.
        after: The step that each list goes on after, infinite where it begins.
        from_the_end: Whether steps descend from one answer to the next.
        ignored: The part of the request that said where to go on.

    Raises:
        MismatchedAnswerError: A list does not go on there.
    """
    first, last = lists.first_steps, lists.last_steps
    goes_on = np.maximum(first, last) < after if from_the_end else np.minimum(first, last) > after
    if not goes_on.all():
        raise MismatchedAnswerError(f"the server sent points again that it had sent before ({ignored} was ignored)")


@dataclass(frozen=True)
class _Progress(Generic[Place]):
    """How far a batch has come: the unfinished series, and where they go on.

    ``held`` are the pages of a tail that wait for earlier ones, the latest steps first.
    """

    batch: SeriesBatch
    place: Place | None = None
    held: Pieces = ()
