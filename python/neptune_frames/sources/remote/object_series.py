"""Points of string, histogram and file series (endpoint R), by the tokens the server hands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import OBJECT_POINT, series_points_schema
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.remote.concurrency import Step, fetch_unordered, large_answers_ahead
from neptune_frames.sources.remote.point_lists import PointLists
from neptune_frames.sources.remote.series_requests import (
    SeriesBatch,
    entity_type,
    finite_step_range,
    lineage,
    selects_nothing,
    series_batches,
)
from neptune_frames.sources.remote.session import LEADERBOARD, Session
from neptune_frames.sources.remote.splitting import object_series_parts
from neptune_frames.wire import decode_object_series
from neptune_frames.wire.requests import encode_object_series_request

_PATH = f"{LEADERBOARD}/proto/attributes/series"
_SCHEMA = series_points_schema(OBJECT_POINT)

Pieces = tuple[pa.RecordBatch, ...]


def fetch_object_points(session: Session, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
    """SERIES_POINTS batches; pieces of one series come in step order. Series without points do not appear."""
    if selects_nothing(options) or len(keys) == 0:
        return
    reading = _Reading(session, options)
    parts = object_series_parts(keys.attributes, keys.positions()[1])
    chains = (partial(reading.page, _Progress(batch)) for batch in series_batches(keys, parts))
    for pieces in fetch_unordered(chains, large_answers_ahead()):
        yield from pieces


@dataclass(frozen=True)
class _Progress:
    """The unfinished series with their tokens, and pages of tails that wait for earlier ones (latest first)."""

    batch: SeriesBatch
    tokens: pa.Array | None = None
    held: Pieces = ()


class _Reading:
    def __init__(self, session: Session, options: SeriesOptions) -> None:
        self._session = session
        self._options = options
        self._from_the_end = options.tail_limit is not None

    def page(self, progress: _Progress) -> Step[Pieces]:
        """One answer, and what remains to be asked.

        A series that has no entry does not exist; one whose entry has no ``searchAfter`` found no room in
        the answer and is asked for again, as long as the answer brought anything at all.
        """
        batch = progress.batch
        page = self._ask(progress)
        rows = batch.rows_of(page.column("request_id"))
        lists = PointLists(page.column("points"))
        pieces = progress.held
        if len(lists):
            columns = [
                pa.array(batch.runs[rows[lists.rows]]),
                pa.array(batch.attributes[rows[lists.rows]]),
                lists.ascending(),
            ]
            pieces = (*pieces, pa.RecordBatch.from_arrays(columns, schema=_SCHEMA))
        finished = page.column("finished")
        unfinished = np.flatnonzero(pc.invert(finished.fill_null(False)).to_numpy(zero_copy_only=False))
        if len(unfinished) == 0 or finished.null_count == len(finished):
            return Step(tuple(reversed(pieces)) if self._from_the_end else pieces)
        tokens = self._next_tokens(progress, rows, page).take(pa.array(unfinished))
        held = pieces if self._from_the_end else ()
        following = _Progress(batch.take(rows[unfinished]), tokens, held)
        return Step(() if self._from_the_end else pieces, partial(self.page, following))

    def _ask(self, progress: _Progress) -> pa.RecordBatch:
        batch, options = progress.batch, self._options
        content = encode_object_series_request(
            batch.request_ids,
            batch.holders,
            batch.names,
            lineage=lineage(options),
            entity_type=entity_type(options),
            per_series_points_limit=options.tail_limit,
            step_range=finite_step_range(options) or (None, None),
            order="descending" if self._from_the_end else "ascending",
            search_after=progress.tokens,
        )
        params = {"useDeprecatedStringFields": "false"}
        return self._session.call("POST", _PATH, decode_object_series, params=params, content=content)

    def _next_tokens(self, progress: _Progress, rows: np.ndarray, page: pa.RecordBatch) -> pa.Array:
        """The token to continue each entry's series with: the new one, else the one it was asked with."""
        new = page.column("token")
        if progress.tokens is None:
            return new
        asked = progress.tokens.take(pa.array(rows))
        moved = pc.fill_null(pc.not_equal(new, asked), pc.is_valid(new))
        if not pc.any(pc.or_(moved, page.column("finished").fill_null(False)), min_count=0).as_py():
            raise MismatchedAnswerError("the server sent the same token again for every series, which would never end")
        return pc.coalesce(new, asked)
