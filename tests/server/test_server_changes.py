"""Archives that change, or are damaged, while they are served."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from neptune_frames.server.limits import Limits
from neptune_frames.server.testing import serve_in_thread
from neptune_frames.writing.exporter_layout import float_series_rows, object_series_rows, parameter_rows, write_run
from server.http_api import FLOATS, OBJECTS, SEARCH, good, ids, refused, search
from server.small_archive import PROJECT, series_request, system, write_small_archive


def test_projects_that_appear_later_are_served(tmp_path: Path, connect: Any) -> None:
    written = write_small_archive(tmp_path / "written")
    served = tmp_path / "served"
    served.mkdir()
    with serve_in_thread(served) as server:
        client = connect(server)
        refused(client.post(SEARCH, params={"projectIdentifier": PROJECT}, json={}), 403, "ACCESS_DENIED")
        shutil.copytree(written / "data", served / "data")
        assert ids(search(client)) == ["VIS-3", "VIS-2", "VIS-1"]


def test_damaged_file_is_named_and_final(tmp_path: Path, connect: Any) -> None:
    archive = write_small_archive(tmp_path)
    victim = next(path for path in sorted(archive.rglob("*.parquet")) if "run-b" in path.name)
    victim.write_bytes(victim.read_bytes()[:200])
    with serve_in_thread(archive) as server:
        answer = connect(server).post(SEARCH, params={"projectIdentifier": PROJECT}, json={})
        assert victim.name in refused(answer, 422)["message"]


def write_growing_run(data: Path, number: int, points: int) -> None:
    """A run with a float series and a series of long texts; one that is there is replaced."""
    steps = np.arange(float(points))
    rows = [
        parameter_rows(system(f"GRO-{number}", f"run {number}", f"run-{number}", hour=number)),
        float_series_rows({"loss": (steps, steps)}),
        object_series_rows({"log": (steps, ["x" * 1000] * points)}, "string_series"),
    ]
    write_run(data, PROJECT, f"run-{number}", rows)


def asked(client: httpx.Client, path: str, body: dict[str, object]) -> list[int]:
    """How many points came of each series."""
    answer = good(client.post(path, json=body, headers={"Accept": "application/json"})).json()
    return [len(entry["series"]["values"]) for entry in answer["series"]]


def test_points_that_appear_later_are_served_to_who_asks_for_more(data_directory: Path, connect: Any) -> None:
    write_growing_run(data_directory, 1, 10)
    with serve_in_thread(data_directory) as server:
        client = connect(server)

        def points_after(step: int) -> int:
            body: Any = series_request((f"{PROJECT}/GRO-1", "loss"), limit=6)
            body["requests"][0]["afterStep"] = step
            (count,) = asked(client, FLOATS, body)
            return count

        assert (points_after(3), points_after(9)) == (6, 0)
        write_growing_run(data_directory, 1, 20)
        assert points_after(9) == 6


def test_a_fresh_question_has_the_points_that_appeared_since_the_last_one(data_directory: Path, connect: Any) -> None:
    first, second = (f"{PROJECT}/GRO-1", "log"), (f"{PROJECT}/GRO-2", "log")
    write_growing_run(data_directory, 1, 4)
    write_growing_run(data_directory, 2, 3)
    with serve_in_thread(data_directory, limits=Limits(object_answer_bytes=4 * 1032)) as server:
        client = connect(server)
        assert asked(client, OBJECTS, series_request(first, second)) == [4, 0]
        write_growing_run(data_directory, 2, 4)
        assert asked(client, OBJECTS, series_request(second)) == [4]
