"""What ``run[path]`` gives: handles on the fields of a run, by the type of the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neptune_fetcher._arguments import check_step_range
from neptune_fetcher.util import fetcher_call
from neptune_frames.query.attributes import FLOAT_SERIES, TYPES_WITHOUT_PLAIN_VALUE

if TYPE_CHECKING:
    import pandas as pd

    from neptune_frames.frames.run_fields import RunFields

__all__ = ["Fetchable", "FetchableAtom", "FetchableSeries"]


class Fetchable:
    """One field of a run."""

    __slots__ = ("_fields", "_path", "_type")

    def __init__(self, fields: RunFields, path: str, field_type: str) -> None:
        self._fields = fields
        self._path = path
        self._type = field_type

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path!r}: {self._type}>"

    def fetch(self) -> Any:
        """The value, from the cache if it is there, otherwise from the server or archive.

        Returns:
            The value, in the type of the field.

        Raises:
            NeptuneException: The server does not answer as expected.

        Example:
            >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), experiment_name="resnet-2")
            >>> run["sys/tags"].fetch()
            {'candidate'}
        """
        try:
            return self._fields.values[self._path]
        except KeyError:
            return self._ask()

    @fetcher_call("ReadOnlyRun.fetch")
    def _ask(self) -> Any:
        return self._fields.value(self._path)


class FetchableAtom(Fetchable):
    """A field with one value: a `bool`, `int`, `float`, `str`, `datetime`, set of `str`, or state."""

    __slots__ = ()


class FetchableSeries(Fetchable):
    """A series of numbers by step."""

    __slots__ = ()

    def fetch(self) -> float | None:
        """The last value, from the cache if it is there.

        Returns:
            The value; None if the series has none.

        Raises:
            NeptuneException: The server does not answer as expected.

        Example:
            >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), experiment_name="resnet-2")
            >>> run["train/loss"].fetch()
            0.25
        """
        value: float | None = super().fetch()
        return value

    def fetch_last(self) -> float | None:
        """The same as `fetch`.

        Returns:
            The last value; None if the series has none.

        Example:
            >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), experiment_name="resnet-2")
            >>> run["train/loss"].fetch_last()
            0.25
        """
        return self.fetch()

    @fetcher_call("ReadOnlyRun.fetch_values")
    def fetch_values(
        self,
        *,
        include_timestamp: bool = True,
        include_inherited: bool = True,
        step_range: tuple[float | None, float | None] = (None, None),
        progress_bar: bool = True,
        include_point_previews: bool = False,
    ) -> pd.DataFrame:
        """All points, from the cache of `ReadOnlyRun.prefetch_series_values` if they are there.

        Points that were prefetched with another ``step_range`` or ``include_inherited`` are not used.

        Args:
            include_timestamp: Whether there is a column ``timestamp``.
            include_inherited: Whether points inherited from the runs this one was forked from are included.
            step_range: First and last step, both inclusive; None leaves an end open.
            progress_bar: Has no effect; a single series draws no bar.
            include_point_previews: Whether points that are not final yet are included, with the columns ``preview`` and
                ``completion_ratio``.

        Returns:
            A pandas frame with the columns ``step`` and ``value`` (float64) and ``timestamp`` (UTC), ascending by step;
            a frame without columns if there are no points.

        Raises:
            TypeError: ``step_range`` is not a pair of numbers or None.
            NeptuneException: The server does not answer as expected.

        Example:
            >>> run = ReadOnlyRun(ReadOnlyProject("team/vision"), experiment_name="resnet-2")
            >>> run["train/loss"].fetch_values(step_range=(2, 3), include_timestamp=False)
               step  value
            0   2.0   0.75
            1   3.0   0.40
        """
        return self._fields.series_frame(
            self._path,
            timestamp=bool(include_timestamp),
            inherited=include_inherited,
            step_range=check_step_range(step_range),
            previews=bool(include_point_previews),
        )


class UnsupportedFetchable(Fetchable):
    """A field whose type has no plain value here: files, histograms, string series."""

    __slots__ = ()

    def fetch(self) -> None:
        """Return None."""

    def fetch_last(self) -> None:
        """Return None."""

    def fetch_values(self, *args: Any, **kwargs: Any) -> pd.DataFrame:
        """Return an empty frame, whatever the arguments."""
        from neptune_frames.frames.pandas_values import import_pandas

        return import_pandas().DataFrame()


#: By the type of the field; `FetchableAtom` for every other type.
_CLASSES: dict[str, type[Fetchable]] = {
    FLOAT_SERIES: FetchableSeries,
    **dict.fromkeys(TYPES_WITHOUT_PLAIN_VALUE, UnsupportedFetchable),
}


def handle_on(fields: RunFields, path: str, field_type: str) -> Fetchable:
    """The handle on a field of this type."""
    return _CLASSES.get(field_type, FetchableAtom)(fields, path, field_type)
