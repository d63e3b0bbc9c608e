"""What a lazy query asks of its sources, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from neptune_frames.frames.lazy_source import ASKED, NARROWED, RESIDUAL
from neptune_frames.frames.long_frame import as_lazy
from neptune_frames.query.rendering import shortened

#: A scan of ours in a plan that Polars prints, and what it says about itself.
_SCAN = re.compile(
    rf"PYTHON\[(?P<name>\w+)\] SCAN [^\n]*\n"
    rf"(?:(?!.*PYTHON\[).*\n)*?"
    rf" *INFO: (?P<detail>.*?){re.escape(ASKED)}(?P<asked>.*?)(?:{re.escape(NARROWED)}(?P<narrowed>.*))?"
    rf"{re.escape(RESIDUAL)}(?P<residual>.*)"
)
_FILTER, _INPUT = "FILTER ", "FROM"


def explain(lazy: pl.LazyFrame) -> str:
    """For each scan of ours in a query what its source will be asked for, and what is filtered after; then the plan.

    Conditions that Polars keeps for itself, since it cannot hand them to a scan, are listed too.

    Nothing is fetched.

    Raises:
        TypeError: It is not a frame.
        ValueError: Polars cannot print the plan.
    """
    plan = _plan(as_lazy(lazy, "nf.explain"))
    scans = []
    for found in _SCAN.finditer(plan):
        said = {
            "asked of the source": [found["asked"]],
            "narrowed by the query": [] if found["narrowed"] is None else [found["narrowed"]],
            "filtered after": [found["residual"]],
            "kept by Polars": map(shortened, _filters_above(plan, found.start())),
        }
        lines = [f"  {title}: {text}\n" for title, texts in said.items() for text in texts]
        scans.append("".join([f"{found['name']} ({found['detail']})\n", *lines]))
    return "\n".join([*scans, plan])


def asked_of_sources(lazy: pl.LazyFrame) -> list[str]:
    """For each scan of ours in a query, its name and what its source will be asked for."""
    asked = []
    for found in _SCAN.finditer(lazy.explain()):
        narrowed = "" if found["narrowed"] is None else f"; narrowed by the query: {found['narrowed']}"
        asked.append(f"{found['name']} ({found['detail']}): {found['asked']}{narrowed}")
    return asked


def _plan(lazy: pl.LazyFrame) -> str:
    try:
        return lazy.explain()
    except pl.exceptions.PanicException as error:
        raise ValueError(
            "This query cannot be explained, because Polars cannot print it (a time beyond the year 262,000 is one "
            "reason). It can be collected all the same."
        ) from error


def _filters_above(plan: str, place: int) -> Iterator[str]:
    """The conditions of FILTER nodes that the node at a place of the plan feeds, from below.

    A node stands above what feeds it, which is indented further; the input of a FILTER is announced by a line
    as far to the left as it.
    """
    lines = plan[:place].split("\n")
    level, wants_filter = len(lines[-1]), False
    for line in reversed(lines[:-1]):
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        if wants_filter and indent == level and text.startswith(_FILTER):
            yield text.removeprefix(_FILTER)
            wants_filter = False
        elif indent < level and text:
            level, wants_filter = indent, text == _INPUT
