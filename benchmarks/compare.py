"""Compare with the official clients: `make bench`, or `python -m benchmarks.compare one-series many-points`.

Both clients run the same call in fresh processes against a canned server, in turn, several times: first both get
the same bytes, as a Neptune server sends them (protobuf, and JSON where it has only that); then the official client
gets those again and ours gets Arrow, as from a server of ours. The table shows medians, the ratio official / ours, the
target, and whether the checksums of the two results are equal: if not, the exit status is 1. Absolute times depend on
the machine; ratios of one run are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.calls import SCENARIOS, Scenario
from benchmarks.canned_server import running_server

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(os.environ.get("NEPTUNE_FRAMES_PEERS", ROOT / ".venvs"))
OFFICIAL = {
    "neptune_query": PEERS / "neptune-query" / "bin" / "python",
    "neptune_fetcher": PEERS / "neptune-fetcher" / "bin" / "python",
}
#: What ours is answered in, and the options of the server that does that.
SERVERS: dict[str, list[str]] = {"protobuf": [], "Arrow": ["--arrow"]}


@dataclass(frozen=True)
class Measurement:
    cpu: float
    wall: float
    peak_mb: float
    checksum: str


def measure(python: Path, scenario: Scenario, token: str) -> Measurement:
    """Run one call in a fresh process of the given interpreter."""
    environment = {
        **os.environ,
        "NEPTUNE_API_TOKEN": token,
        "PYTHONHASHSEED": "0",  # the official client walks sets: the same requests every time
    }
    done = subprocess.run(
        [python, ROOT / "benchmarks" / "measured_client.py", scenario.name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{scenario.name} failed with {python}:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Measurement(answer["cpu"], answer["wall"], answer["peak_mb"], answer["checksum"])


def measure_import(python: Path, module: str, repeats: int) -> Measurement:
    """CPU and wall of `import MODULE` in a fresh interpreter, over the bare interpreter's."""
    program = (
        "import time; c, w = time.process_time(), time.perf_counter(); "
        f"import {module}; print(time.process_time() - c, time.perf_counter() - w)"
    )
    runs = []
    for _ in range(repeats):
        done = subprocess.run([python, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
        runs.append(tuple(float(number) for number in done.stdout.split()))
    return Measurement(statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs), 0.0, "-")


def compare(scenario: Scenario, repeats: int, *server_options: str) -> tuple[Measurement, Measurement]:
    """Medians of the official client and of ours, measured in turn; the first round only warms the answers."""
    rounds = []
    with running_server(*server_options) as server:
        for number in range(repeats + 1):
            pair = (
                measure(OFFICIAL[scenario.client], scenario, server.api_token),
                measure(Path(sys.executable), scenario, server.api_token),
            )
            if number:
                rounds.append(pair)
    official, ours = zip(*rounds, strict=True)
    return median(official), median(ours)


def median(measurements: tuple[Measurement, ...]) -> Measurement:
    return Measurement(
        statistics.median(one.cpu for one in measurements),
        statistics.median(one.wall for one in measurements),
        statistics.median(one.peak_mb for one in measurements),
        " ".join(sorted({one.checksum for one in measurements})),
    )


def print_row(title: str, official: Measurement, ours: Measurement, cpu_target: float, memory_target: float) -> bool:
    """Print a row of the table. False where the results differ."""
    cpu = official.cpu / max(ours.cpu, 1e-9)
    memory = official.peak_mb / ours.peak_mb if ours.peak_mb else float("nan")
    is_equal = official.checksum == ours.checksum
    equal = "equal" if is_equal else f"DIFFER {official.checksum} {ours.checksum}"
    print(
        f"| {title} | {official.wall:.2f} / {ours.wall:.2f} | {official.cpu:.2f} / {ours.cpu:.2f} "
        f"| {cpu:.1f} ({_target(cpu_target)}) | {official.peak_mb:.0f} / {ours.peak_mb:.0f} "
        f"| {memory:.1f} ({_target(memory_target)}) | {equal} |",
        flush=True,
    )
    return is_equal


def _target(target: float) -> str:
    return f">= {target:g}" if target else "-"


def main() -> int:
    """The exit status is 1 where results differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of: {', '.join(SCENARIOS)}, import")
    parser.add_argument("--repeats", type=int, default=3, help="counted runs of each client (default: 3)")
    parser.add_argument(
        "--answers",
        choices=SERVERS,
        help="measure with ours answered in this format only (default: in one after the other)",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - set(SCENARIOS) - {"import"}:
        parser.error(f"unknown scenarios: {', '.join(sorted(unknown))}")
    for python in OFFICIAL.values():
        if not python.exists():
            parser.error(f"{python} is missing: run `make peers` first")
    print("| scenario | wall s, official / ours | CPU s | ratio (target) | peak MB | ratio (target) | results |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    all_equal = True
    for name in arguments.scenarios or (*SCENARIOS, "import"):
        if name == "import":
            for module in ("neptune_query",):
                official = measure_import(OFFICIAL[module], module, 5)
                print_row(f"import {module}", official, measure_import(Path(sys.executable), module, 5), 2.5, 0)
            continue
        scenario = SCENARIOS[name]
        for server in [arguments.answers] if arguments.answers else SERVERS:
            title = f"{scenario.title} ({server})"
            official, ours = compare(scenario, arguments.repeats, *SERVERS[server])
            all_equal &= print_row(title, official, ours, scenario.cpu_target, scenario.memory_target)
    return 0 if all_equal else 1


if __name__ == "__main__":
    sys.exit(main())
