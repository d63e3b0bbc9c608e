"""A long lazy frame over HTTP in Arrow IPC, against reading the same bytes with httpx and ``pa.ipc``.

    python -m benchmarks.lazy_arrow [--points 10000000] [--repeats 3]

Our server answers from an archive, in a process of its own. One process notes the requests that a scan makes; then
fresh processes collect the scan, or send the same requests, as many at a time, and read the answers with
``pa.ipc.open_stream``. Target: at most twice the time.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.lazy_archive import PROJECT, Size, served, write_archive

_FLOATS = "/attributes/series/float"


def collected(columns: list[str]) -> int:
    import neptune_frames as nf

    points = nf.scan_metrics(project=PROJECT, runs="")
    return (points.select(columns) if columns else points).collect().height


def noted(token: str) -> list[dict[str, Any]]:
    """The requests for points that a scan makes."""
    import httpx

    import neptune_frames as nf
    from neptune_frames.sources.remote import RemoteSource

    found: list[dict[str, Any]] = []

    class Noting(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith(_FLOATS):
                content = base64.b64encode(request.read()).decode()
                found.append({"url": str(request.url), "headers": dict(request.headers), "content": content})
            return super().handle_request(request)

    nf.scan_metrics(project=PROJECT, runs="", source=RemoteSource(token, transport=Noting())).collect()
    return found


def read(requests: list[dict[str, Any]]) -> int:
    """Send the requests, and read the answers without a copy."""
    import httpx
    import pyarrow as pa

    from neptune_frames.sources.remote.concurrency import large_answers_ahead

    with httpx.Client() as client, ThreadPoolExecutor(large_answers_ahead()) as threads:

        def one(request: dict[str, Any]) -> int:
            content = base64.b64decode(request["content"])
            answer = client.post(request["url"], headers=request["headers"], content=content, timeout=300)
            with pa.ipc.open_stream(answer.raise_for_status().content) as reader:
                return sum(len(batch.column("points").flatten()) for batch in reader)

        return sum(threads.map(one, requests))


def child(what: str, file: Path) -> None:
    if what == "note":
        file.write_text(json.dumps(noted(os.environ["NEPTUNE_API_TOKEN"])))
        return
    requests = json.loads(file.read_text())
    import polars  # noqa: F401
    import pyarrow  # noqa: F401

    wall, cpu = time.perf_counter(), time.process_time()
    columns = ["step", "value"] if what == "values" else []
    rows = read(requests) if what == "read" else collected(columns)
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "rows": rows}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.file)
        return
    size = Size(100, 100, arguments.points // 10_000)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        write_archive(root / "archive", size)
        with served(root / "archive") as token:
            rounds: dict[str, list[dict[str, float]]] = {"read": [], "values": [], "scan": []}

            def run(what: str) -> str:
                command = [sys.executable, "-m", "benchmarks.lazy_arrow", "--child", what]
                return subprocess.run(
                    [*command, "--file", str(root / "requests.json")],
                    env={**os.environ, "NEPTUNE_API_TOKEN": token}, stdout=subprocess.PIPE, text=True, check=True,
                ).stdout  # fmt: skip

            run("note")
            for _ in range(arguments.repeats):
                for what, answers in rounds.items():
                    answers.append(json.loads(run(what)))
                    assert answers[-1]["rows"] == size.points, answers[-1]
    medians = {
        what: {key: statistics.median(one[key] for one in answers) for key in ("wall", "cpu")}
        for what, answers in rounds.items()
    }
    plain = medians["read"]
    print(f"| {size.points:,} points | wall s | ratio (<= 2) | client CPU s | ratio |")
    print("| --- | --- | --- | --- | --- |")
    names = {"read": "httpx and pa.ipc", "values": "scan, step and value", "scan": "scan, all columns"}
    for what, name in names.items():
        wall, cpu = medians[what]["wall"], medians[what]["cpu"]
        print(f"| {name} | {wall:.2f} | {wall / plain['wall']:.1f} | {cpu:.2f} | {cpu / plain['cpu']:.1f} |")


if __name__ == "__main__":
    main()
