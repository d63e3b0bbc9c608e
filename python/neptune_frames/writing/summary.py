"""What an export did, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from neptune_frames.sources.archive.object_path import Location


@dataclass
class Written:
    """What was written of one project.

    ``kept`` runs were in the archive before and left alone. ``files_missing`` are named by attributes, were asked
    for, and the source has no content of them.
    """

    project: str
    runs: int = 0
    kept: int = 0
    attributes: int = 0
    series: int = 0
    points: dict[str, int] = field(default_factory=dict)
    files: int = 0
    files_missing: int = 0
    bytes: int = 0
    #: Whether any attribute was found that was asked for: those that identify a run always are.
    selection_met: bool = False

    def add(self, more: Written) -> None:
        """Count what was written now as well."""
        for name in ("runs", "kept", "attributes", "series", "files", "files_missing", "bytes"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.selection_met |= more.selection_met
        for kind, count in more.points.items():
            self.points[kind] = self.points.get(kind, 0) + count


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote: totals, and the same by project.

    ``attributes`` counts the values of attributes that are no series, over all runs; ``bytes`` are those of all files
    written, payloads included; ``kept`` runs were complete already.
    """

    destination: Location
    layout: str
    projects: tuple[Written, ...]
    seconds: float

    @property
    def runs(self) -> int:
        return sum(each.runs for each in self.projects)

    @property
    def kept(self) -> int:
        return sum(each.kept for each in self.projects)

    @property
    def attributes(self) -> int:
        return sum(each.attributes for each in self.projects)

    @property
    def series(self) -> int:
        return sum(each.series for each in self.projects)

    @property
    def points(self) -> int:
        return sum(sum(each.points.values()) for each in self.projects)

    @property
    def points_by_type(self) -> Mapping[str, int]:
        types = dict.fromkeys(kind for each in self.projects for kind in each.points)
        return {kind: sum(each.points.get(kind, 0) for each in self.projects) for kind in types}

    @property
    def files(self) -> int:
        return sum(each.files for each in self.projects)

    @property
    def files_missing(self) -> int:
        return sum(each.files_missing for each in self.projects)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.projects)

    def __str__(self) -> str:
        lines = [f"{name:<11} {value}" for name, value in self._rows()]
        return "\n".join([self._title(), *lines])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self._rows())
        return f"<table><caption>{escape(self._title())}</caption>{rows}</table>"

    def _title(self) -> str:
        return f"Written to {self.destination} ({self.layout})"

    def _rows(self) -> list[tuple[str, str]]:
        rate = f" ({self.points / self.seconds:,.0f} points/s)" if self.points and self.seconds else ""
        missing = f" ({self.files_missing:,} missing in the source)" if self.files_missing else ""
        kept = f" ({self.kept:,} were there already)" if self.kept else ""
        return [
            ("projects", ", ".join(each.project for each in self.projects)),
            ("runs", f"{self.runs:,}{kept}"),
            ("values", f"{self.attributes:,} (without series)"),
            ("series", f"{self.series:,}"),
            ("points", f"{self.points:,}"),
            ("files", f"{self.files:,}{missing}"),
            ("size", _size(self.bytes)),
            ("time", f"{self.seconds:.1f} s{rate}"),
        ]


def _size(count: int) -> str:
    """A number of bytes for people.

    >>> _size(999), _size(1_500_000)
    ('999 B', '1.5 MB')
    """
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
