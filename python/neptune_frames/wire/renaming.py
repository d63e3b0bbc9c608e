"""Struct columns under other names: those of our schemas, of JSON and of protobuf."""

from __future__ import annotations

import pyarrow as pa


def renamed(structs: pa.StructArray, wanted: pa.StructType) -> pa.StructArray:
    """The same members, in their order, under the names and in the types of ``wanted`` (most casts need no copy)."""
    members = [structs.field(i).cast(field.type) for i, field in enumerate(wanted)]
    mask = structs.is_null() if structs.null_count else None
    return pa.StructArray.from_arrays(members, fields=list(wanted), mask=mask)
