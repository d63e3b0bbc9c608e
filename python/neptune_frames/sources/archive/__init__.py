"""Reading Parquet archives in the layout of neptune-exporter."""

from __future__ import annotations

from neptune_frames.sources.archive.identity import project_uuid, run_uuids
from neptune_frames.sources.archive.lookup import RunLookup
from neptune_frames.sources.archive.source import ArchiveSource

__all__ = ["ArchiveSource", "RunLookup", "project_uuid", "run_uuids"]
