"""Attribute types, the attributes whose types are known without asking, and `Attribute`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

SYS_ID = "sys/id"
SYS_NAME = "sys/name"
SYS_CUSTOM_RUN_ID = "sys/custom_run_id"
SYS_CREATION_TIME = "sys/creation_time"
SYS_STATE = "sys/state"

AttributeType = Literal[
    "float",
    "int",
    "string",
    "bool",
    "datetime",
    "float_series",
    "string_set",
    "string_series",
    "file",
    "histogram_series",
    "file_series",
]

#: Every type a selector may name, in the documented order.
KNOWN_TYPES: tuple[AttributeType, ...] = get_args(AttributeType)

FLOAT_SERIES = "float_series"
#: Types of series whose points are numbers, and of those whose points are objects.
FLOAT_SERIES_TYPES = (FLOAT_SERIES,)
OBJECT_SERIES_TYPES = ("string_series", "histogram_series", "file_series")

#: Client name -> name in NQL and on the wire. ``experiment_state`` can be read and queried, not selected.
WIRE_NAMES: dict[str, str] = {
    "float": "float",
    "int": "int",
    "string": "string",
    "bool": "bool",
    "datetime": "datetime",
    "float_series": "floatSeries",
    "string_set": "stringSet",
    "string_series": "stringSeries",
    "file": "fileRef",
    "histogram_series": "histogramSeries",
    "file_series": "fileRefSeries",
    "experiment_state": "experimentState",
}

#: Types whose value is not a number, boolean, string, time or set of strings.
TYPES_WITHOUT_PLAIN_VALUE: tuple[str, ...] = ("string_series", "histogram_series", "file", "file_series")

#: Wire name -> client name.
CLIENT_NAMES: dict[str, str] = {wire: client for client, wire in WIRE_NAMES.items()}

_DIAGNOSTIC_COUNTS = (
    "bool",
    "file_ref",
    "file_ref_series",
    "float",
    "float_series",
    "histogram",
    "histogram_series",
    "int",
    "string",
    "string_series",
    "string_set",
    "total",
)

_SYSTEM_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "string": (
        "custom_run_id",
        "description",
        "diagnostics/project_uuid",
        "diagnostics/run_uuid",
        "experiment/name",
        "family",
        "id",
        "name",
        "owner",
    ),
    "bool": ("archived", "experiment/is_head", "failed", "trashed"),
    "datetime": ("creation_time", "modification_time", "ping_time"),
    "float": ("experiment/running_time_seconds", "running_time_seconds"),
    "int": (
        "forking/depth",
        "relative_creation_time_ms",
        "size",
        *(f"diagnostics/attributes/{kind}_count" for kind in _DIAGNOSTIC_COUNTS),
        "diagnostics/attributes/total_series_datapoints",
    ),
    "string_set": ("group_tags", "tags"),
    "experiment_state": ("state",),
}

#: Types of the ``sys/`` attributes that need no request to be known.
SYSTEM_ATTRIBUTE_TYPES: dict[str, str] = {
    f"sys/{name}": attribute_type for attribute_type, names in _SYSTEM_ATTRIBUTES.items() for name in names
}

Aggregation = Literal["last", "min", "max", "average", "variance"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


@dataclass
class Attribute:
    """An attribute by its exact name and, where it is known, its type.

    Give the type where one name has different types in different runs; it also saves the request that
    would find it out.

    Args:
        name: Exact name of the attribute.
        type: One of `KNOWN_TYPES`, or None to have it determined.

    Raises:
        TypeError: ``name`` is not a string.
        ValueError: ``type`` is not a known type.

    Example:
        >>> str(Attribute("metrics/loss", type="float_series"))
        '`metrics/loss`:floatSeries'
    """

    name: str
    type: AttributeType | None = None

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check the fields, which stay assignable after construction."""
        if not isinstance(self.name, str):
            raise TypeError(f"The name of an attribute must be a string, got {self.name!r} ({type_name(self.name)})")
        if self.type is not None and self.type not in KNOWN_TYPES:
            raise ValueError(f"type must be one of {sorted(KNOWN_TYPES)}, got {self.type!r}")

    def __str__(self) -> str:
        from neptune_frames.query.expressions import Operand
        from neptune_frames.query.rendering import render_operand

        self.validate()
        return render_operand(Operand(self.name, self.type))


def type_name(value: Any) -> str:
    """What messages call the type of a value the user gave."""
    return type(value).__name__
