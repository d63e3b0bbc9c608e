"""The layouts that an archive can be written in. Imports nothing, so that command lines can."""

from __future__ import annotations

from typing import Literal

Layout = Literal["neptune-frames", "neptune-exporter"]
LAYOUTS: tuple[Layout, ...] = ("neptune-frames", "neptune-exporter")
DEFAULT_LAYOUT: Layout = "neptune-frames"
