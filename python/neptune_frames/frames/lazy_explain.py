"""What a lazy query asks of its sources, in words."""

from __future__ import annotations

import re

import polars as pl

from neptune_frames.frames.lazy_source import AFTER, ASKED
from neptune_frames.frames.long_frame import as_lazy

#: A scan of ours in a plan that Polars prints, and what it says about itself.
_SCAN = re.compile(
    rf"PYTHON\[(?P<name>\w+)\] SCAN [^\n]*\n"
    rf"(?:(?!.*PYTHON\[).*\n)*?"
    rf" *INFO: (?P<detail>.*?){re.escape(ASKED)}(?P<asked>.*){re.escape(AFTER)}(?P<after>.*)"
)


def explain(lazy: pl.LazyFrame) -> str:
    """For each scan of ours in a query what its source will be asked for, and what is filtered after; then the plan.

    Nothing is fetched.
    """
    plan = as_lazy(lazy, "nf.explain").explain()
    scans = [
        f"{found['name']} ({found['detail']})\n"
        f"  asked of the source: {found['asked']}\n"
        f"  filtered after: {found['after']}\n"
        for found in _SCAN.finditer(plan)
    ]
    return "\n".join([*scans, plan])


def asked_of_sources(lazy: pl.LazyFrame) -> list[str]:
    """For each scan of ours in a query, its name and what its source will be asked for."""
    return [f"{found['name']}: {found['asked']}" for found in _SCAN.finditer(lazy.explain())]
