"""NQL, the text form of a filter: `parse` reads it, `render` writes it."""

from __future__ import annotations

from neptune_frames.query.expressions import Expression
from neptune_frames.query.rendering import render

__all__ = ["MAX_LENGTH", "MAX_NESTING", "parse", "render"]

#: Characters of the longest text that is accepted. A list of 50,000 names makes about half of it.
MAX_LENGTH = 5_000_000

#: Parentheses and NOTs within each other.
MAX_NESTING = 1000


def parse(text: str) -> Expression | None:
    """The expression a text stands for; None for an empty text, which selects everything.

    Raises:
        QuerySyntaxError: not NQL, too long, or nested too deeply; it has the position.
    """
    raise NotImplementedError
