"""How a protobuf message is declared: once, for reading and for writing.

A declared message corresponds to one Arrow struct type. Fields with implicit presence (``optional``
False) are never null when read; optional fields and submessages are null where they are absent;
repeated fields are lists and never null.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from functools import cached_property

import numpy as np
import pyarrow as pa


class WireType(IntEnum):
    """How the payload behind a tag is laid out (protobuf encoding specification)."""

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    START_GROUP = 3
    END_GROUP = 4
    FIXED32 = 5


class Kind(Enum):
    """Type of a field: wire type, NumPy type of its values, Arrow type."""

    DOUBLE = (WireType.FIXED64, np.float64, pa.float64())
    FLOAT = (WireType.FIXED32, np.float32, pa.float32())
    INT64 = (WireType.VARINT, np.int64, pa.int64())
    #: Enumerations too: in proto3 they hold any number.
    INT32 = (WireType.VARINT, np.int32, pa.int32())
    UINT32 = (WireType.VARINT, np.uint32, pa.uint32())
    BOOL = (WireType.VARINT, np.bool_, pa.bool_())
    STRING = (WireType.LENGTH, None, pa.string())
    #: A string with few distinct values: read into a dictionary column.
    NAME = (WireType.LENGTH, None, pa.dictionary(pa.int32(), pa.string()))
    MESSAGE = (WireType.LENGTH, None, None)

    def __init__(self, wire_type: WireType, numpy_type: type[np.generic] | None, arrow_type: pa.DataType | None):
        self.wire_type = wire_type
        self.numpy_type = numpy_type
        self.arrow_type = arrow_type


@dataclass(frozen=True)
class Field:
    """One field of a message. ``oneof`` names the group in which at most one field may be set."""

    number: int
    name: str
    kind: Kind
    message: Message | None = None
    repeated: bool = False
    optional: bool = False
    oneof: str | None = None

    @property
    def tag(self) -> int:
        """The number written before each value; repeated numbers are packed."""
        packed = self.repeated and self.kind.wire_type is not WireType.LENGTH
        return self.number << 3 | (WireType.LENGTH if packed else self.kind.wire_type)

    @property
    def nullable(self) -> bool:
        return not self.repeated and (self.optional or self.oneof is not None or self.message is not None)

    @property
    def arrow_field(self) -> pa.Field:
        value = self.kind.arrow_type if self.message is None else self.message.arrow_type
        if self.repeated:
            # Positions in a list of doubles or strings are small; lists of messages may be long.
            value = pa.large_list(value) if self.message is not None else pa.list_(value)
        return pa.field(self.name, value, nullable=self.nullable)


@dataclass(frozen=True, eq=False)
class Message:
    """A message type. ``fields`` ascend by number, which is the order they are written in.

    ``skipped`` are declared fields that are not read.
    """

    name: str
    fields: tuple[Field, ...]
    skipped: tuple[Field, ...] = ()

    @cached_property
    def arrow_type(self) -> pa.StructType:
        return pa.struct([field.arrow_field for field in self.fields])

    @cached_property
    def by_number(self) -> dict[int, Field]:
        """Declared fields, read or skipped."""
        return {field.number: field for field in self.fields + self.skipped}

    @cached_property
    def text_tags(self) -> frozenset[int]:
        """Tags of the single texts, read or skipped, as far as they are one byte."""
        texts = (field for field in self.by_number.values() if field.kind in (Kind.STRING, Kind.NAME))
        return frozenset(field.tag for field in texts if not field.repeated and field.tag < 0x80)

    def select(self, *paths: str) -> Message:
        """The same message with only the named fields, so that the others are skipped when read.

        Paths are dotted; a path that names a submessage keeps all of it.
        """
        wanted: dict[str, list[str]] = {}
        for path in paths:
            first, _, rest = path.partition(".")
            wanted.setdefault(first, []).append(rest)
        unknown = wanted.keys() - {field.name for field in self.fields}
        if unknown:
            raise KeyError(f"{self.name} has no field {sorted(unknown)}")
        return Message(
            self.name,
            tuple(_narrow(field, wanted[field.name]) for field in self.fields if field.name in wanted),
            tuple(field for field in self.fields if field.name not in wanted) + self.skipped,
        )


def _narrow(field: Field, paths: Iterable[str]) -> Field:
    paths = list(paths)
    if field.message is None or "" in paths:
        return field
    return replace(field, message=field.message.select(*paths))
