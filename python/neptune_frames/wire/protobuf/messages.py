"""The messages of the Neptune 3.x retrieval API (package ``neptune.api.v1.model``, http-api section 7)."""

from __future__ import annotations

from neptune_frames.wire.protobuf.fields import Field, Kind, Message


def _scalar(number: int, name: str, kind: Kind, *, optional: bool = False, oneof: str | None = None) -> Field:
    return Field(number, name, kind, optional=optional, oneof=oneof)


def _message(number: int, name: str, message: Message, *, oneof: str | None = None) -> Field:
    return Field(number, name, Kind.MESSAGE, message, oneof=oneof)


def _repeated(number: int, name: str, item: Message | Kind) -> Field:
    if isinstance(item, Message):
        return Field(number, name, Kind.MESSAGE, item, repeated=True)
    return Field(number, name, item, repeated=True)


def _attribute_value(name: str, *fields: Field) -> Message:
    """A typed value; each repeats the name and type of its attribute, which we neither read nor need."""
    return Message(name, (_scalar(1, "attribute_name", Kind.NAME), _scalar(2, "attribute_type", Kind.NAME), *fields))


_LAST_STEP = _scalar(3, "last_step", Kind.DOUBLE, optional=True)

FILE_REF = Message(
    "ProtoFileRef",
    (
        _scalar(1, "path", Kind.STRING),
        _scalar(2, "sizeBytes", Kind.INT64),
        _scalar(3, "mimeType", Kind.STRING),
    ),
)

HISTOGRAM = Message(
    "ProtoHistogram",
    (
        _scalar(1, "type", Kind.STRING),
        _repeated(2, "edges", Kind.DOUBLE),
        _repeated(3, "values", Kind.DOUBLE),
    ),
)

FLOAT_SERIES_CONFIG = Message(
    "ProtoFloatSeriesAttributeConfigDTO",
    (
        _scalar(1, "min", Kind.DOUBLE, optional=True),
        _scalar(2, "max", Kind.DOUBLE, optional=True),
        _scalar(3, "unit", Kind.STRING, optional=True),
    ),
)

INT_ATTRIBUTE = _attribute_value("ProtoIntAttributeDTO", _scalar(3, "value", Kind.INT64))
FLOAT_ATTRIBUTE = _attribute_value("ProtoFloatAttributeDTO", _scalar(3, "value", Kind.DOUBLE))
STRING_ATTRIBUTE = _attribute_value("ProtoStringAttributeDTO", _scalar(3, "value", Kind.STRING))
BOOL_ATTRIBUTE = _attribute_value("ProtoBoolAttributeDTO", _scalar(3, "value", Kind.BOOL))
DATETIME_ATTRIBUTE = _attribute_value("ProtoDatetimeAttributeDTO", _scalar(3, "value", Kind.INT64))
STRING_SET_ATTRIBUTE = _attribute_value("ProtoStringSetAttributeDTO", _repeated(3, "value", Kind.STRING))
FLOAT_SERIES_ATTRIBUTE = _attribute_value(
    "ProtoFloatSeriesAttributeDTO",
    _LAST_STEP,
    _scalar(4, "last", Kind.DOUBLE, optional=True),
    _scalar(5, "min", Kind.DOUBLE, optional=True),
    _scalar(6, "max", Kind.DOUBLE, optional=True),
    _scalar(7, "average", Kind.DOUBLE, optional=True),
    _scalar(8, "variance", Kind.DOUBLE, optional=True),
    _message(9, "config", FLOAT_SERIES_CONFIG),
    _scalar(10, "has_preview", Kind.BOOL),
)
FILE_REF_ATTRIBUTE = _attribute_value(
    "ProtoFileRefAttributeDTO",
    _scalar(3, "path", Kind.STRING),
    _scalar(4, "sizeBytes", Kind.INT64),
    _scalar(5, "mimeType", Kind.STRING),
)
STRING_SERIES_ATTRIBUTE = _attribute_value(
    "ProtoStringSeriesAttributeDTO", _LAST_STEP, _scalar(4, "last", Kind.STRING, optional=True)
)
FILE_REF_SERIES_ATTRIBUTE = _attribute_value(
    "ProtoFileRefSeriesAttributeDTO", _LAST_STEP, _message(4, "last", FILE_REF)
)
HISTOGRAM_SERIES_ATTRIBUTE = _attribute_value(
    "ProtoHistogramSeriesAttributeDTO", _LAST_STEP, _message(4, "last", HISTOGRAM)
)

ATTRIBUTE = Message(
    "ProtoAttributeDTO",
    (
        _scalar(1, "name", Kind.NAME),
        _scalar(2, "type", Kind.NAME),
        _message(3, "int_properties", INT_ATTRIBUTE),
        _message(4, "float_properties", FLOAT_ATTRIBUTE),
        _message(5, "string_properties", STRING_ATTRIBUTE),
        _message(6, "bool_properties", BOOL_ATTRIBUTE),
        _message(7, "datetime_properties", DATETIME_ATTRIBUTE),
        _message(8, "string_set_properties", STRING_SET_ATTRIBUTE),
        _message(9, "float_series_properties", FLOAT_SERIES_ATTRIBUTE),
        _message(10, "file_ref_properties", FILE_REF_ATTRIBUTE),
        _message(11, "string_series_properties", STRING_SERIES_ATTRIBUTE),
        _message(12, "file_ref_series_properties", FILE_REF_SERIES_ATTRIBUTE),
        _message(13, "histogram_series_properties", HISTOGRAM_SERIES_ATTRIBUTE),
    ),
)

ATTRIBUTES = Message(
    "ProtoAttributesDTO",
    (
        _scalar(1, "experiment_id", Kind.STRING),
        _scalar(2, "type", Kind.NAME),
        _scalar(3, "project_id", Kind.NAME),
        _scalar(4, "organization_id", Kind.NAME),
        _scalar(5, "project_name", Kind.NAME),
        _scalar(6, "organization_name", Kind.NAME),
        _repeated(7, "attributes", ATTRIBUTE),
    ),
)

SEARCH_RESULT = Message(
    "ProtoLeaderboardEntriesSearchResultDTO",
    (
        _scalar(1, "matching_item_count", Kind.INT64),
        _scalar(2, "total_group_count", Kind.INT64, optional=True),
        _repeated(3, "entries", ATTRIBUTES),
    ),
)

NEXT_PAGE = Message(
    "ProtoNextPageDTO",
    (
        _scalar(1, "nextPageToken", Kind.STRING, optional=True),
        _scalar(2, "limit", Kind.UINT32, optional=True),
    ),
)

QUERY_ATTRIBUTES_ENTRY = Message(
    "ProtoQueryAttributesExperimentResultDTO",
    (
        _scalar(1, "experimentId", Kind.STRING),
        _scalar(2, "experimentShortId", Kind.STRING),
        _repeated(3, "attributes", ATTRIBUTE),
    ),
)

QUERY_ATTRIBUTES_RESULT = Message(
    "ProtoQueryAttributesResultDTO",
    (_repeated(1, "entries", QUERY_ATTRIBUTES_ENTRY), _message(2, "nextPage", NEXT_PAGE)),
)

ATTRIBUTE_DEFINITION = Message(
    "ProtoAttributeDefinitionDTO", (_scalar(1, "name", Kind.STRING), _scalar(2, "type", Kind.NAME))
)

ATTRIBUTES_SEARCH_RESULT = Message("ProtoAttributesSearchResultDTO", (_repeated(1, "entries", ATTRIBUTE_DEFINITION),))

FLOAT_POINT = Message(
    "ProtoFloatPointValueDTO",
    (
        _scalar(1, "timestamp_millis", Kind.INT64),
        _scalar(2, "step", Kind.DOUBLE),
        _scalar(3, "value", Kind.DOUBLE),
        _scalar(4, "is_preview", Kind.BOOL),
        _scalar(5, "completion_ratio", Kind.FLOAT),
    ),
)

FLOAT_SERIES_VALUES = Message(
    "ProtoFloatSeriesValuesDTO",
    (_scalar(1, "total_item_count", Kind.INT64), _repeated(2, "values", FLOAT_POINT)),
)

FLOAT_SERIES_ANSWER = Message(
    "ProtoFloatSeriesValuesSingleSeriesResponseDTO",
    (_scalar(1, "requestId", Kind.STRING), _message(2, "series", FLOAT_SERIES_VALUES)),
)

FLOAT_SERIES_RESPONSE = Message("ProtoFloatSeriesValuesResponseDTO", (_repeated(1, "series", FLOAT_SERIES_ANSWER),))

POINT_OBJECT = Message(
    "ProtoSeriesPointValueObjectDTO",
    (
        _scalar(1, "stringValue", Kind.STRING, oneof="value"),
        _message(2, "histogram", HISTOGRAM, oneof="value"),
        _message(3, "fileRef", FILE_REF, oneof="value"),
    ),
)

OBJECT_POINT = Message(
    "ProtoPointValueDTO",
    (
        _scalar(1, "timestamp_millis", Kind.INT64),
        _scalar(2, "step", Kind.DOUBLE),
        _scalar(3, "value", Kind.STRING, optional=True),
        _scalar(4, "is_preview", Kind.BOOL),
        _scalar(5, "completion_ratio", Kind.FLOAT),
        _message(6, "object", POINT_OBJECT),
    ),
)

SERIES_VALUES = Message("ProtoSeriesValuesDTO", (_repeated(1, "values", OBJECT_POINT),))

SEARCH_AFTER = Message(
    "ProtoSeriesValuesSearchAfterDTO",
    (_scalar(1, "finished", Kind.BOOL), _scalar(2, "token", Kind.STRING)),
)

OBJECT_SERIES_ANSWER = Message(
    "ProtoSeriesValuesSingleSeriesResponseDTO",
    (
        _scalar(1, "requestId", Kind.STRING),
        _message(2, "searchAfter", SEARCH_AFTER),
        _message(3, "string_series", SERIES_VALUES, oneof="series"),
        _message(4, "seriesValues", SERIES_VALUES, oneof="series"),
    ),
)

OBJECT_SERIES_RESPONSE = Message("ProtoSeriesValuesResponseDTO", (_repeated(1, "series", OBJECT_SERIES_ANSWER),))

FINITE_POINT = Message("FinitePoint", (_scalar(1, "x", Kind.DOUBLE), _scalar(2, "y", Kind.DOUBLE)))

BUCKET = Message(
    "TimeseriesBucket",
    (
        _scalar(1, "index", Kind.INT64),
        _scalar(2, "fromX", Kind.DOUBLE),
        _scalar(3, "toX", Kind.DOUBLE),
        _message(4, "first", FINITE_POINT),
        _message(5, "last", FINITE_POINT),
        _scalar(6, "localMin", Kind.DOUBLE, optional=True),
        _scalar(7, "localMax", Kind.DOUBLE, optional=True),
        _scalar(8, "finitePointCount", Kind.INT64),
        _scalar(9, "nanCount", Kind.INT64),
        _scalar(10, "positiveInfCount", Kind.INT64),
        _scalar(11, "negativeInfCount", Kind.INT64),
        _scalar(12, "localSum", Kind.DOUBLE, optional=True),
    ),
)

SERIES_BUCKETS = Message("TimeseriesBuckets", (_scalar(1, "requestId", Kind.STRING), _repeated(2, "bucket", BUCKET)))

BUCKETS_RESPONSE = Message("ProtoTimeseriesBucketsDTO", (_repeated(1, "entries", SERIES_BUCKETS),))

OPEN_RANGE = Message(
    "ProtoOpenRange",
    (
        _scalar(1, "from", Kind.DOUBLE, optional=True),
        _scalar(2, "to", Kind.DOUBLE, optional=True),
    ),
)

X_AXIS = Message(
    "ProtoXAxis",
    (
        _message(1, "steps", Message("XSteps", ()), oneof="value"),
        _message(2, "epochMillis", Message("XEpochMillis", ()), oneof="value"),
        _message(3, "relativeTime", Message("XRelativeTime", ()), oneof="value"),
        _message(4, "custom", Message("XCustom", (_scalar(1, "expression", Kind.STRING),)), oneof="value"),
    ),
)

VIEW = Message(
    "ProtoView",
    (
        _scalar(1, "from", Kind.DOUBLE, optional=True),
        _scalar(2, "to", Kind.DOUBLE, optional=True),
        _message(3, "pointFilters", Message("ProtoPointFilters", (_message(1, "stepRange", OPEN_RANGE),))),
        _scalar(4, "maxBuckets", Kind.INT32),
        _scalar(5, "xScale", Kind.INT32),
        _scalar(6, "yScale", Kind.INT32),
        _message(7, "xAxis", X_AXIS),
    ),
)

EXPRESSION = Message(
    "ProtoCustomExpression",
    (
        _scalar(1, "requestId", Kind.STRING),
        _scalar(2, "runId", Kind.STRING),
        _scalar(3, "customYFormula", Kind.STRING),
        _scalar(4, "includePreview", Kind.BOOL, optional=True),
        _scalar(5, "lineage", Kind.INT32),
        _scalar(6, "entityType", Kind.INT32),
    ),
)

BUCKETS_REQUEST = Message(
    "ProtoGetTimeseriesBucketsRequest", (_repeated(1, "expressions", EXPRESSION), _message(2, "view", VIEW))
)
