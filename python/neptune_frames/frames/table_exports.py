"""What every result of the native face can become, besides its pandas frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


class Exports:
    """Ways out of a result that knows how to become a Polars frame.

    ``collect()`` and ``lazy()`` give Polars frames, ``to_arrow()`` an Arrow table; anything that reads Arrow
    streams (``pa.table(result)``, DuckDB, pandas 3) takes the result itself.
    """

    def to_polars(self) -> pl.DataFrame:
        raise NotImplementedError

    def collect(self) -> pl.DataFrame:
        """The Polars frame."""
        return self.to_polars()

    def lazy(self) -> pl.LazyFrame:
        """The Polars frame, as the start of a lazy query."""
        return self.to_polars().lazy()

    def to_arrow(self) -> pa.Table:
        """The same as an Arrow table."""
        return self.to_polars().to_arrow()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.to_polars().__arrow_c_stream__(requested_schema)

    def _shown(self) -> pl.DataFrame:
        """The frame that a terminal or notebook shows."""
        return self.to_polars()

    def _summary(self) -> str:
        return f"{type(self).__name__}; .collect() .lazy() .to_arrow() .to_pandas()"

    def __repr__(self) -> str:
        return f"{self._summary()}\n{self._shown()}"

    def _repr_html_(self) -> str:
        return f"<p>{self._summary()}</p>{self._shown()._repr_html_()}"
