"""How much CPU our protobuf decoder takes for typical answers, beside a plain copy of the bytes.

    python benchmarks/wire_decoding.py [--scale 1.0] [--official PYTHON]

The copy (`numpy.copy`) is the yardstick that needs no explanation: nothing reads bytes faster. With
``--official`` the parse time of the official client's protobuf classes is printed too (their parse
alone: no loop over the points), measured in that interpreter.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from neptune_frames.schemas import OBJECT_POINT, TIMESTAMP, float_point, values_schema
from neptune_frames.wire import protobuf
from neptune_frames.wire.pages import (
    BUCKET,
    BUCKETS_PAGE,
    ENTRIES,
    FLOAT_SERIES_PAGE,
    OBJECT_SERIES_PAGE,
    AttributesPage,
)

_START_MS = 1_700_000_000_000
_RANDOM = np.random.default_rng(0)

_OFFICIAL_PARSE = """
import sys, time
from importlib import import_module
package = "neptune_query.generated.neptune_api.proto.neptune_pb.api.v1.model"
module, name = sys.argv[2].split(".")
message = getattr(import_module(f"{package}.{module}_pb2"), name)
body = open(sys.argv[1], "rb").read()
times = []
for _ in range(3):
    start = time.process_time(); message.FromString(body); times.append(time.process_time() - start)
print(min(times))
"""


def float_series(lengths: list[int]) -> bytes:
    """Series of the given lengths: step 0, 1, 2, ..., a value and a time each."""
    steps = np.concatenate([np.arange(length, dtype=np.float64) for length in lengths])
    point = float_point(time=True, preview=True)
    columns = [
        pa.array(steps),
        pa.array(_RANDOM.normal(size=len(steps))),
        pa.array((_START_MS + 1000 * steps).astype(np.int64)).cast(TIMESTAMP),
        pa.array(np.zeros(len(steps), np.bool_)),
        pa.array(np.ones(len(steps), np.float32)),
    ]
    items = pa.StructArray.from_arrays(columns, fields=list(point))
    points = _lists(FLOAT_SERIES_PAGE.field("points").type, lengths, items)
    arrays = [_numbered(len(lengths)), pa.array(lengths, pa.int64()), points]
    return protobuf.encode_float_series(pa.RecordBatch.from_arrays(arrays, schema=FLOAT_SERIES_PAGE))


def entries(runs: int, attributes: dict[str, int]) -> bytes:
    """A search answer: in each run as many attributes of each type as given."""
    values = {}
    for client_type, count in attributes.items():
        schema = values_schema(client_type)
        names = pa.array([f"metrics/{client_type}/attribute_{i:03}" for i in range(count)])
        codes = pa.array(np.tile(np.arange(count, dtype=np.int32), runs))
        columns = [
            pa.array(np.repeat(np.arange(runs, dtype=np.int32), count)),
            pa.DictionaryArray.from_arrays(codes, names),
            *(_values(field.type, runs * count) for field in list(schema)[2:]),
        ]
        values[client_type] = pa.RecordBatch.from_arrays(columns, schema=schema)
    who = [pa.array([f"00000000-0000-4000-8000-{i:012}" for i in range(runs)])] + [_numbered(runs)] * 5
    return protobuf.encode_search(AttributesPage(pa.RecordBatch.from_arrays(who, schema=ENTRIES), values))


def buckets(series: int, count: int) -> bytes:
    """Series with ``count`` full buckets each."""
    total = series * count
    columns = []
    for field in BUCKET:
        if field.name == "index":
            columns.append(pa.array(np.tile(np.arange(count), series)))
        elif field.name in ("nan_count", "positive_inf_count", "negative_inf_count"):
            columns.append(pa.array(np.zeros(total, np.int64)))
        else:
            columns.append(_values(field.type, total))
    items = pa.StructArray.from_arrays(columns, fields=list(BUCKET))
    lists = _lists(BUCKETS_PAGE.field("buckets").type, [count] * series, items)
    return protobuf.encode_buckets(pa.RecordBatch.from_arrays([_numbered(series), lists], schema=BUCKETS_PAGE))


def string_series(length: int) -> bytes:
    """One series of log lines."""
    lines = pa.array([f"epoch {i}: loss {i * 0.37:.3f}, all is well" for i in range(length)])
    columns = {
        "step": pa.array(np.arange(length, dtype=np.float64)),
        "timestamp": pa.array(_START_MS + 1000 * np.arange(length)).cast(TIMESTAMP),
        "string": lines,
    }
    arrays = [columns.get(field.name, pa.nulls(length, field.type)) for field in OBJECT_POINT]
    items = pa.StructArray.from_arrays(arrays, fields=list(OBJECT_POINT))
    points = _lists(OBJECT_SERIES_PAGE.field("points").type, [length], items)
    page = [_numbered(1), pa.array([True]), pa.array(["end"]), points]
    return protobuf.encode_object_series(pa.RecordBatch.from_arrays(page, schema=OBJECT_SERIES_PAGE))


def _values(kind: pa.DataType, count: int) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array(_RANDOM.integers(0, 100_000, count).astype(str).astype(object), pa.string())
    if pa.types.is_floating(kind):
        return pa.array(_RANDOM.normal(size=count))
    if pa.types.is_boolean(kind):
        return pa.array(_RANDOM.random(count) < 0.5)
    if pa.types.is_timestamp(kind):
        return pa.array(_START_MS + _RANDOM.integers(0, 10**9, count)).cast(kind)
    return pa.array(_RANDOM.integers(0, 100_000, count))


def _numbered(count: int) -> pa.Array:
    return pa.array([str(i) for i in range(count)])


def _lists(kind: pa.DataType, lengths: list[int], items: pa.Array) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    dtype = np.int64 if pa.types.is_large_list(kind) else np.int32
    return pa.Array.from_buffers(kind, len(lengths), [None, pa.py_buffer(offsets.astype(dtype))], children=[items])


_MIXED = {"float": 60, "int": 40, "string": 30, "bool": 10, "datetime": 10, "float_series": 50}

Workload = tuple[str, Callable[[float], bytes], Callable[[bytes], Any], str]

WORKLOADS: list[Workload] = [
    (
        "a  1 series x 1,000,000 points",
        lambda scale: float_series([int(1_000_000 * scale)]),
        protobuf.decode_float_series,
        "series_values.ProtoFloatSeriesValuesResponseDTO",
    ),
    (
        "a' the same with times and previews",
        lambda scale: float_series([int(1_000_000 * scale)]),
        lambda body: protobuf.decode_float_series(body, time=True, preview=True),
        "series_values.ProtoFloatSeriesValuesResponseDTO",
    ),
    (
        "b  10,000 series x 100 points",
        lambda scale: float_series([100] * int(10_000 * scale)),
        protobuf.decode_float_series,
        "series_values.ProtoFloatSeriesValuesResponseDTO",
    ),
    (
        "c  10,000 series x 1 to 10 points",
        lambda scale: float_series([1 + i % 10 for i in range(int(10_000 * scale))]),
        protobuf.decode_float_series,
        "series_values.ProtoFloatSeriesValuesResponseDTO",
    ),
    (
        "d  5,000 runs x 200 attributes",
        lambda scale: entries(int(5_000 * scale), _MIXED),
        protobuf.decode_search,
        "leaderboard_entries.ProtoLeaderboardEntriesSearchResultDTO",
    ),
    (
        "e  10,000 runs x 2 strings",
        lambda scale: entries(int(10_000 * scale), {"string": 2}),
        protobuf.decode_search,
        "leaderboard_entries.ProtoLeaderboardEntriesSearchResultDTO",
    ),
    (
        "f  1,000 series x 1,000 buckets",
        lambda scale: buckets(int(1_000 * scale), 1_000),
        protobuf.decode_buckets,
        "series_values.ProtoTimeseriesBucketsDTO",
    ),
    (
        "g  1,000,000 string points",
        lambda scale: string_series(int(1_000_000 * scale)),
        protobuf.decode_object_series,
        "series_values.ProtoSeriesValuesResponseDTO",
    ),
]


def fastest(action: Callable[[], Any], times: int = 5) -> float:
    """CPU seconds of the fastest of several calls: other processes on the machine do not count."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="size of the workloads, 1 is as named")
    parser.add_argument("--only", default="", help="letters of the workloads to run")
    parser.add_argument("--official", help="Python interpreter of an environment with neptune-query")
    arguments = parser.parse_args()
    print(f"{'workload':38}{'body':>9}{'copy':>10}{'decode':>11}{'ratio':>7}{'official parse':>18}")
    for name, build, decode, message in WORKLOADS:
        if arguments.only and name[0] not in arguments.only:
            continue
        body = build(arguments.scale)
        copy = fastest(np.frombuffer(body, np.uint8).copy)
        ours = fastest(lambda decode=decode, body=body: decode(body))  # type: ignore[misc]
        official = f"{1000 * official_parse(arguments.official, body, message):15.1f} ms" if arguments.official else ""
        print(
            f"{name:38}{len(body) / 1e6:6.1f} MB{1000 * copy:7.2f} ms{1000 * ours:8.1f} ms{ours / copy:7.1f}{official}"
        )


def official_parse(python: str, body: bytes, message: str) -> float:
    """CPU seconds the official classes take to parse the body, in their own interpreter."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "body"
        path.write_bytes(body)
        command = [python, "-c", _OFFICIAL_PARSE, str(path), message]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
