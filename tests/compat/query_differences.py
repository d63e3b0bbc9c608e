"""Where ours deliberately answers differently from the official client: the rows of docs/differences.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """``reason`` is what the documentation page says; ``ours`` is an expression about our answer that must be true.

    ``ours`` sees ``result`` (the value, or the exception).
    """

    reason: str
    ours: str


DIFFERENCES: dict[str, Difference] = {}
