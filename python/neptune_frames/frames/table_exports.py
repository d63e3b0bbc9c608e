"""What every result of the native API can become, besides its pandas frame."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from neptune_frames.types import File


class ArrowStream(Protocol):
    """What gives its rows as an Arrow stream: every result, pyarrow tables, pandas frames, running queries."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...


class Exports:
    """Ways out of a result that knows how to become a Polars frame.

    ``collect()`` and ``lazy()`` give Polars frames, ``to_arrow()`` an Arrow table of the same columns and rows.
    Anything that reads Arrow streams (``pa.table(result)``, ``pl.DataFrame(result)``, DuckDB, pandas 3) takes the
    result itself.
    """

    #: What the summary offers.
    _ways = ".collect() .lazy() .to_arrow() .to_pandas()"

    def collect(self) -> pl.DataFrame:
        raise NotImplementedError

    def lazy(self) -> pl.LazyFrame:
        """The frame of `collect`, as the start of a lazy query.

        Returns:
            A lazy frame over what was fetched; nothing is asked again.

        Example:
            >>> losses = nf.fetch_metrics(experiments=["vit-1"], attributes=["train/loss"]).lazy()
            >>> losses.select(pl.col("train/loss").min()).collect().item()
            1.0
        """
        return self.collect().lazy()

    def to_arrow(self) -> pa.Table:
        """The frame of `collect` as an Arrow table.

        Returns:
            A table with the same columns and rows; strings are plain ones.

        Example:
            >>> nf.fetch_table(experiments=["vit-1"], attributes=["config/lr"]).to_arrow().column_names
            ['project', 'experiment', 'config/lr']
        """
        import polars as pl

        # Text as plain strings, not as views, which pyarrow cannot yet turn into pandas everywhere.
        return self.collect().to_arrow(compat_level=pl.CompatLevel.oldest())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """The same as an Arrow stream, for pyarrow, Polars, DuckDB, pandas and others."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __dir__(self) -> list[str]:
        """What completion offers: the ways out of a result, not what it is made of."""
        made_of = getattr(self, "__dataclass_fields__", {})
        return [name for name in super().__dir__() if name not in made_of]

    def _held_files(self) -> list[File]:
        """The files in it, for `neptune_frames.download_files`."""
        return []

    def _contents(self) -> str:
        """How much there is of what."""
        raise NotImplementedError

    def _shown(self) -> pl.DataFrame:
        """The frame that a terminal or notebook shows."""
        return self.collect()

    def _summary(self) -> str:
        return f"{type(self).__name__}: {self._contents()}; {self._ways}"

    def _shown_part(self) -> str:
        """Which rows that frame has, where these are not all."""
        return ""

    def __repr__(self) -> str:
        return "\n".join(filter(None, [self._summary(), self._shown_part(), str(self._shown())]))

    def _repr_html_(self) -> str:
        said = "<br>".join(map(escape, filter(None, [self._summary(), self._shown_part()])))
        return f"<p>{said}</p>{self._shown()._repr_html_()}"
