"""Every warning class of the package. See `neptune_frames.warnings`, where they are defined."""

from __future__ import annotations

from neptune_frames.warnings import (
    AttributeWarning,
    ExperimentalWarning,
    Http5xxWarning,
    Http429Warning,
    Http503Warning,
    HttpOtherWarning,
)

__all__ = [
    "AttributeWarning",
    "ExperimentalWarning",
    "Http5xxWarning",
    "Http429Warning",
    "Http503Warning",
    "HttpOtherWarning",
]
