"""Types of fields, and the values that the official package keeps of them between requests.

Scripts import these names for annotations and checks. What a run gives are the handles of
`neptune_fetcher.fetchable`: neither here nor in the official package does a public function return one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

__all__ = [
    "Bool",
    "DateTime",
    "Field",
    "FieldDefinition",
    "FieldType",
    "Float",
    "FloatPointValue",
    "FloatSeries",
    "Integer",
    "ObjectState",
    "String",
    "StringSet",
]

T = TypeVar("T")


class FieldType(Enum):
    """Types of fields by the names that servers use. Every other type is ``UNSUPPORTED``."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    STRING = "string"
    DATETIME = "datetime"
    FLOAT_SERIES = "floatSeries"
    STRING_SET = "stringSet"
    OBJECT_STATE = "experimentState"
    UNSUPPORTED = "__unsupported_attribute_type__"

    @classmethod
    def _missing_(cls, value: object) -> FieldType:
        return cls.UNSUPPORTED


@dataclass
class FieldDefinition:
    """A field by its name and type."""

    path: str
    type: FieldType


@dataclass
class FloatPointValue:
    """A point of a series of numbers."""

    timestamp: datetime
    value: float
    step: float
    preview: bool
    completion_ratio: float


@dataclass
class FloatSeries:
    """A series of numbers: its last value, and its points if they were fetched."""

    type: FieldType
    include_inherited: bool = True
    last: float | None = None
    prefetched_data: list[FloatPointValue] | None = None

    def fetch_last(self) -> float | None:
        """The last value; None if there is none."""
        return self.last


@dataclass
class Field(Generic[T]):
    """A field with one value."""

    type: FieldType
    val: T

    def fetch(self) -> T:
        """The value."""
        return self.val


class Bool(Field[bool]):
    """A truth value."""


class DateTime(Field[datetime]):
    """A point in time."""


class Float(Field[float]):
    """A number."""


class Integer(Field[int]):
    """A whole number."""


class ObjectState(Field[str]):
    """The state of a run."""


class String(Field[str]):
    """A text."""


class StringSet(Field[set[str]]):
    """A set of texts."""
