"""One measured call in a fresh process; run with the interpreter of the client under test.

Prints one JSON line: wall and CPU seconds of the call, its peak memory above the imported and connected
baseline, and a checksum of the result. Standard library only, plus the client.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from calls import SCENARIOS  # a sibling: the official environment knows no package


def status_kilobytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def checksum(result: Any) -> str:
    """Equal for equal frames whatever the storage of their labels."""
    digest = hashlib.sha256()
    if isinstance(result, list):
        digest.update(
            "\n".join(checksum(one) if hasattr(one, "columns") else repr(_plain(one)) for one in result).encode()
        )
        return digest.hexdigest()[:12]
    import numpy as np

    index = result.index
    for level in range(index.nlevels):
        labels = index.get_level_values(level)
        if labels.dtype.kind == "f":
            digest.update(np.ascontiguousarray(labels.to_numpy()).tobytes())
        else:
            digest.update(hashlib.sha256("\n".join(map(str, labels)).encode()).digest())
    digest.update("\n".join(map(str, result.columns)).encode())
    for position in range(result.shape[1]):
        column = result.iloc[:, position]
        if column.dtype.kind == "M":
            column = column.astype("int64")
        if column.dtype.kind in "fiub":
            digest.update(np.ascontiguousarray(column.to_numpy()).tobytes())
        else:
            digest.update("\n".join(map(repr, map(_plain, column))).encode())
    return digest.hexdigest()[:12]


def _plain(cell: Any) -> Any:
    return sorted(cell) if isinstance(cell, set) else cell


def main() -> None:
    scenario = SCENARIOS[sys.argv[1]]
    client = importlib.import_module(scenario.client)
    import pandas  # noqa: F401 - part of the baseline of both clients

    # Connect, exchange the token and load what is loaded lazily: part of the baseline, not of the call.
    scenario.call(client, scenario.shape.tiny())
    gc.collect()
    baseline = status_kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    cpu, wall = time.process_time(), time.perf_counter()
    result = scenario.call(client, scenario.shape)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = status_kilobytes("VmHWM")
    shape = list(getattr(result, "shape", (len(result),) if hasattr(result, "__len__") else ()))
    print(
        json.dumps(
            {
                "cpu": cpu,
                "wall": wall,
                "peak_mb": max(0, peak - baseline) / 1024,
                "baseline_mb": baseline / 1024,
                "shape": shape,
                "checksum": checksum(result),
            }
        )
    )


if __name__ == "__main__":
    main()
