"""Archives that change, or are damaged, while they are served."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from neptune_frames.server.testing import serve_in_thread
from server.http_api import SEARCH, ids, refused, search
from server.small_archive import PROJECT, write_small_archive


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
