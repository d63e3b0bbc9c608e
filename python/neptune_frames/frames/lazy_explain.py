"""What a lazy query asks of its sources, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from neptune_frames.frames.lazy_source import PUSHED, RESIDUAL
from neptune_frames.frames.long_frame import as_lazy
from neptune_frames.query.rendering import shortened

#: A scan of ours in a plan that Polars prints, and what it says about itself.
_SCAN = re.compile(
    rf"PYTHON\[(?P<name>\w+)\] SCAN [^\n]*\n"
    rf"(?:(?!.*PYTHON\[).*\n)*?"
    rf" *INFO: (?P<detail>.*?){re.escape(PUSHED)}(?P<pushed>.*){re.escape(RESIDUAL)}(?P<residual>.*)"
)
_FILTER, _INPUT = "FILTER ", "FROM"


def explain(lazy: pl.LazyFrame) -> str:
    """For each scan of ours in a query what its source will be asked for, and what is filtered after; then the plan.

    Conditions that Polars keeps for itself, since it cannot hand them to a scan, are listed too.

    Nothing is fetched.
    """
    plan = as_lazy(lazy, "nf.explain").explain()
    scans = [
        f"{found['name']} ({found['detail']})\n"
        f"  asked of the source: {found['pushed']}\n"
        f"  filtered after: {found['residual']}\n"
        + "".join(f"  kept by Polars: {shortened(condition)}\n" for condition in _filters_above(plan, found.start()))
        for found in _SCAN.finditer(plan)
    ]
    return "\n".join([*scans, plan])


def asked_of_sources(lazy: pl.LazyFrame) -> list[str]:
    """For each scan of ours in a query, its name and what its source will be asked for."""
    return [f"{found['name']}: {found['pushed']}" for found in _SCAN.finditer(lazy.explain())]


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
