"""An archive of even runs for the benchmarks of lazy frames, and our server over it in a process of its own.

python -m benchmarks.lazy_archive DIRECTORY    serves it; prints an API token
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

PROJECT = "bench/lazy"


@dataclass(frozen=True)
class Size:
    """So many runs, with so many float series each, with so many points each."""

    runs: int
    metrics: int
    steps: int

    @property
    def points(self) -> int:
        return self.runs * self.metrics * self.steps


def write_archive(root: Path, size: Size) -> None:
    """Runs ``run-00000`` ... with the series ``metric/00`` ... and a learning rate."""
    random = np.random.default_rng(0)
    axis = np.arange(size.steps, dtype=np.float64)
    for number in range(size.runs):
        parameters = {"sys/name": f"exp-{number}", "sys/id": f"LAZ-{number}", "config/lr": float(random.random())}
        rows = [parameter_rows(parameters)]
        for first in range(0, size.metrics, 10):
            names = [f"metric/{place:02d}" for place in range(first, min(first + 10, size.metrics))]
            rows.append(float_series_rows({name: (axis, random.random(size.steps)) for name in names}))
        write_run(root / "data", PROJECT, f"run-{number:05d}", rows)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """An API token for a server over the archive, which runs while the context lasts."""
    command = [sys.executable, "-m", "benchmarks.lazy_archive", str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait()


def main() -> None:
    from neptune_frames.server.testing import serve_in_thread
    from neptune_frames.wire import arrow_stream  # noqa: F401  (not within the first answer)

    with serve_in_thread(Path(sys.argv[1])) as server:
        print(server.api_token, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
