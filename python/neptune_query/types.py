"""Values of file and histogram attributes. See `neptune_frames.types`, where they are defined."""

from __future__ import annotations

from neptune_frames.types import File, Histogram

__all__ = ["File", "Histogram"]
