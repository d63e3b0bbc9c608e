"""Numbers with their nouns, for people."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number with its noun, which is given in the singular.

    >>> counted(1, "batch"), counted(2, "batch"), counted(1000, "run"), counted(2, "series"), counted(0, "property")
    ('1 batch', '2 batches', '1,000 runs', '2 series', '0 properties')
    """
    return f"{count:,} {noun if count == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("series"):
        return noun
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("ch", "s", "x")) else f"{noun}s"
