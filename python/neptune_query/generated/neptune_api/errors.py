"""The one exception of the official package that scripts can only import from here."""

from __future__ import annotations

from neptune_query.exceptions import InvalidApiTokenException

__all__ = ["InvalidApiTokenException"]
