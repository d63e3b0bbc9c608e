"""An archive with everything that makes conditions difficult, and a server that notes what it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from neptune_frames.wire.requests import SeriesTerms, arrow_series, encode_float_series_request
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_payload,
    write_run,
)

PROJECT = "ws/scans"
#: How an Arrow stream begins.
_ARROW = b"\xff\xff\xff\xff"
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)

#: Values of parameters by name, one for each run; None where the run lacks it.
PARAMETERS: dict[str | tuple[str, str], list[Any]] = {
    ("config/lr", "float"): [0.1, 0.01, float("nan"), None, -0.0, float("inf"), 0.001, 0.1],
    "config/width": [8, 16, 2**53 + 1, None, -3, 0, 8, 64],
    "config/opt": ["Adam", "a.b|c", 'say "hi"', None, "sgd\\w", "Ädam", "", "adam"],
    "flag": [True, False, None, True, None, False, True, False],
    "when": [_START + timedelta(hours=number) if number % 3 else None for number in range(8)],
    ("labels", "string_set"): [["red"], ["red", "blue"], None, ["re d"], ["blue"], None, ["red"], ["green"]],
}
RUNS = len(PARAMETERS["flag"])


def write_archive(root: Path, *, points: int = 12) -> Path:
    """Eight runs, six experiments, every type of attribute, one name with two types; `points` in a long series."""
    for number in range(RUNS):
        run_id = f"run-{number}"
        experiment = f"exp {number}" if number < 6 else "exp 0"
        parameters = {name: values[number] for name, values in PARAMETERS.items() if values[number] is not None}
        write_payload(root / "files", PROJECT, f"{run_id}/notes.txt", b"notes")
        parameters |= {
            "sys/id": f"SC-{number}",
            "sys/custom_run_id": run_id,
            "sys/name": experiment,
            "sys/experiment/name": experiment,
            "sys/experiment/is_head": number != 0,
            "sys/creation_time": _START + timedelta(days=number),
            ("mixed", "int" if number % 2 else "float"): number if number % 2 else number / 4,
            ("notes", "file"): f"{run_id}/notes.txt",
        }
        steps = [float(step) for step in range(points)]
        times = [_START + timedelta(minutes=number, seconds=step) for step in range(points)]
        losses = [float("nan") if step == 3 and number == 1 else (step - number) / 4 for step in range(points)]
        series = {"train/loss": (steps, losses, times), "val/loss": (steps[::3], losses[::3], times[::3])}
        if number % 2:
            series["train/acc"] = (steps[:5], [float("inf"), 1.0, -1.0, 0.5, 0.5], times[:5])
        texts = {"log": (steps[:3], [f"line {number}", "warn: x", "line"], times[:3])}
        histograms = {
            "weights": (steps[:2], [{"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [1.0, 2.0]}] * 2)
        }
        rows = [
            parameter_rows(parameters),
            float_series_rows(series),
            object_series_rows(texts, "string_series"),
            object_series_rows(histograms, "histogram_series"),
        ]
        write_run(root / "data", PROJECT, run_id, rows)
    return root


def _as_json(body: bytes) -> Any:
    """What a request says, a request for points in Arrow as JSON would say it; None for others."""
    if not body.startswith(_ARROW):
        return json.loads(body) if body.startswith(b"{") else None
    request = arrow_series.decode_float_series_request(body)
    series, first = request.series.to_pydict(), request.series.to_pylist()[0]
    encoded = encode_float_series_request(
        series["request_id"],
        series["holder"],
        series["attribute"],
        SeriesTerms(
            lineage=first["lineage"],
            lineage_entity_type=first["entity_type"],
            include_preview=first["include_preview"],
            per_series_points_limit=request.per_series_points_limit,
            step_range=request.step_range,
            order=request.order or "ascending",
        ),
        request.series["after_step"],
    )
    return json.loads(encoded)


@dataclass
class Ledger:
    """What a server was asked: (path, body), and the bytes of its answers by path."""

    app: Any
    requests: list[tuple[str, Any]] = field(default_factory=list)
    sent: list[tuple[str, int]] = field(default_factory=list)
    at_work: int = 0
    lock: threading.Condition = field(default_factory=threading.Condition)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, body = scope["path"].rsplit("/v1/", 1)[-1], b""

        async def listen() -> Any:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        async def speak(message: Any) -> None:
            with self.lock:
                if message["type"] == "http.response.start":
                    self.requests.append((path, _as_json(body)))
                self.sent.append((path, len(message.get("body", b""))))
            await send(message)

        with self.lock:
            self.at_work += 1
        try:
            await self.app(scope, listen, speak)
        finally:
            with self.lock:
                self.at_work -= 1
                self.lock.notify_all()

    def wait(self) -> None:
        """Until every request was answered."""
        with self.lock:
            assert self.lock.wait_for(lambda: self.at_work == 0, timeout=20)

    def clear(self) -> None:
        with self.lock:
            self.requests.clear()
            self.sent.clear()

    def asked(self, ending: str) -> list[Any]:
        """Bodies of the requests whose path ends so."""
        with self.lock:
            return [body for path, body in self.requests if path.rstrip("/").endswith(ending)]

    def bytes_of(self, ending: str) -> int:
        """Bytes of all answers to these requests."""
        with self.lock:
            return sum(size for path, size in self.sent if path.rstrip("/").endswith(ending))

    def kinds(self) -> list[str]:
        """What was asked, in order, without what concerns tokens."""
        with self.lock:
            paths = [path.rstrip("/") for path, _ in self.requests if path.startswith(("proto", "leaderboard"))]
        return [next(kind for ending, kind in KINDS.items() if path.endswith(ending)) for path in paths]


#: Endings of paths, and short names for them.
KINDS = {
    "entries/search": "search",
    "definitions/query": "definitions",
    "leaderboard/attributes/query": "values",
    "series/float": "floats",
    "timeseries/buckets": "buckets",
    "attributes/series": "objects",
}


@contextmanager
def noting_server(root: Path) -> Iterator[tuple[str, Ledger]]:
    """A server over an archive: its API token, and the ledger of what it is asked."""
    from neptune_frames.server import serve

    ledgers: list[Ledger] = []
    configure = serve._configuration

    def noted(uvicorn: Any, app: Any) -> Any:
        ledgers.append(Ledger(app))
        return configure(uvicorn, ledgers[-1])

    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(serve, "_configuration", noted)
            server = running.enter_context(serve.run_in_thread(serve.ServeOptions(root, port=0)))
        yield server.api_token, ledgers[0]
