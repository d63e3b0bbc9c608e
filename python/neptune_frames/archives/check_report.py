"""What checking an archive found."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Problems of one kind in one file that are written out.
SHOWN = 5


@dataclass
class CheckReport:
    """What was looked at, and what is wrong; the archive is whole where ``problems`` is empty."""

    problems: list[str] = field(default_factory=list)
    projects: int = 0
    files: int = 0
    rows: int = 0
    payloads: int = 0
    #: Files that attributes name and that were never brought: the source had no content of them, or (in the
    #: exporter's layout) there is no directory of payloads. No fault of the archive.
    payloads_never_there: int = 0

    @property
    def is_whole(self) -> bool:
        return not self.problems
