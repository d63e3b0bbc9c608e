"""Experiment-tracking data at scale: Neptune servers and Parquet exports as lazy Polars frames, Arrow and pandas.

    import neptune_frames as nf

    nf.scan_metrics(project="team/project", experiments="^baseline", attributes=["loss"]).collect()

Names are loaded when they are first used: importing this package imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# What happens at a fork has to be watched from the start: archives tell a child that Polars' threads are gone.
from neptune_frames.sources import forks as _forks  # noqa: F401

if TYPE_CHECKING:
    #: The version of the installed package.
    __version__: str

    from neptune_frames import errors as errors
    from neptune_frames import types as types
    from neptune_frames.api import (
        download_files,
        fetch_buckets,
        fetch_metrics,
        fetch_series,
        fetch_table,
        list_attributes,
        list_experiments,
        list_projects,
        list_runs,
        open_source,
    )
    from neptune_frames.frames.align import align
    from neptune_frames.frames.metrics import MetricsResult
    from neptune_frames.frames.pivot_long import pivot
    from neptune_frames.frames.plot import plot
    from neptune_frames.query.filters import Attribute
    from neptune_frames.query.native_filter import AttributeFilter, Filter
    from neptune_frames.scans import (
        explain,
        scan_attributes,
        scan_buckets,
        scan_metrics,
        scan_runs,
        scan_series,
        scan_table,
        sql,
    )
    from neptune_frames.types import File, Histogram
    from neptune_frames.writing.exporting import export
    from neptune_frames.writing.summary import ExportSummary

#: Public name -> module that defines it.
_HOMES = {
    **dict.fromkeys(
        (
            "download_files",
            "fetch_buckets",
            "fetch_metrics",
            "fetch_series",
            "fetch_table",
            "list_attributes",
            "list_experiments",
            "list_projects",
            "list_runs",
            "open_source",
        ),
        "neptune_frames.api",
    ),
    **dict.fromkeys(
        (
            "explain",
            "scan_attributes",
            "scan_buckets",
            "scan_metrics",
            "scan_runs",
            "scan_series",
            "scan_table",
            "sql",
        ),
        "neptune_frames.scans",
    ),
    "MetricsResult": "neptune_frames.frames.metrics",
    "align": "neptune_frames.frames.align",
    "pivot": "neptune_frames.frames.pivot_long",
    "plot": "neptune_frames.frames.plot",
    "Attribute": "neptune_frames.query.filters",
    **dict.fromkeys(("AttributeFilter", "Filter"), "neptune_frames.query.native_filter"),
    **dict.fromkeys(("File", "Histogram"), "neptune_frames.types"),
    "ExportSummary": "neptune_frames.writing.summary",
    "export": "neptune_frames.writing.exporting",
}

__all__ = [
    "Attribute",
    "AttributeFilter",
    "ExportSummary",
    "File",
    "Filter",
    "Histogram",
    "MetricsResult",
    "align",
    "download_files",
    "explain",
    "export",
    "fetch_buckets",
    "fetch_metrics",
    "fetch_series",
    "fetch_table",
    "list_attributes",
    "list_experiments",
    "list_projects",
    "list_runs",
    "open_source",
    "pivot",
    "plot",
    "scan_attributes",
    "scan_buckets",
    "scan_metrics",
    "scan_runs",
    "scan_series",
    "scan_table",
    "sql",
]


#: Modules whose names users write, as in ``except nf.errors.NeptuneError``.
_MODULES = ("errors", "types")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from neptune_frames.installation import library_version

        return library_version()
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES, "__version__", *(name for name in globals() if name.startswith("__"))})
