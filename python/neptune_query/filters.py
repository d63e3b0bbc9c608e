"""What questions are made of: `Filter` (which runs), `AttributeFilter` (which attributes), `Attribute`.

See `neptune_frames.query.filters`, where they are defined.
"""

from __future__ import annotations

from neptune_frames.query.attributes import AttributeType
from neptune_frames.query.filters import KNOWN_TYPES, Attribute, AttributeFilter, Filter
from neptune_frames.query.filters import BaseAttributeFilter as BaseAttributeFilter

__all__ = ["KNOWN_TYPES", "Attribute", "AttributeFilter", "Filter"]

#: For annotations: the names in `KNOWN_TYPES`.
KNOWN_TYPES_LITERAL = AttributeType

AGGREGATION_LAST = ("last",)
