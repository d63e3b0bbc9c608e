"""Every code block of the user's README runs as written, from a server and from the files, on runs of its names."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fetcher_archive import write_readme_projects
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
from neptune_frames.server.testing import RunningServer, serve_in_thread

DOCUMENT = "neptune-fetcher-readme.md"
_FENCE = re.compile(r"^( *)```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)

#: What stands for something else in the document, in the document: nothing but names and credentials.
ADAPTED = {
    'api_token="..."': "api_token=api_token",
    "ReadOnlyRun(...)": "ReadOnlyRun(project, custom_id='high_albattani')",
    '"nostalgic_shockley", ...]': '"nostalgic_shockley"]',
}

#: Blocks of the document, and how many of them there are: a new one must not be missed.
PYTHON_BLOCKS = 41


def blocks(document: str) -> list[str]:
    return [textwrap.dedent(match.group(2)) for match in _FENCE.finditer(document)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("readme") / "data"
    write_readme_projects(directory)
    return directory


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[RunningServer]:
    with serve_in_thread(data) as running:
        yield running


@pytest.fixture(params=["server", "archive"])
def api_token(
    request: pytest.FixtureRequest, data: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> str | None:
    monkeypatch.setenv("NEPTUNE_PROJECT", "workspace/project")
    if request.param == "archive":
        monkeypatch.setenv("NEPTUNE_ARCHIVE", str(data))
        return None
    monkeypatch.setenv("NEPTUNE_API_TOKEN", server.api_token)
    return server.api_token


def test_every_block_runs(shared_spec: Path, api_token: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    document = (shared_spec / DOCUMENT).read_text()
    found = blocks(document)
    assert len(found) == PYTHON_BLOCKS
    project = ReadOnlyProject()
    run = ReadOnlyRun(project, with_id="TES-1")
    namespace: dict[str, Any] = {
        "ReadOnlyProject": ReadOnlyProject,
        "ReadOnlyRun": ReadOnlyRun,
        "project": project,
        "my_project": project,
        "run": run,
        "api_token": api_token,
    }
    for number, block in enumerate(found, 1):
        text = block
        for written, meant in ADAPTED.items():
            text = text.replace(written, meant)
        before = dict(namespace)
        exec(compile(text, f"{DOCUMENT}, block {number}", "exec"), namespace)
        for name, value in namespace.items():
            if isinstance(value, pd.DataFrame) and before.get(name) is not value:
                assert len(value) > 0, f"block {number} found nothing:\n{text}"
        printed = capsys.readouterr().out
        assert bool(printed) == ("print(" in text), f"block {number} printed {printed!r}:\n{text}"


def test_what_the_examples_give(api_token: str | None) -> None:
    """The answers behind some of the README's promises."""
    project = ReadOnlyProject("workspace/project")
    experiments = project.fetch_experiments_df(
        names_regex="tree/.*",
        columns=["sys/custom_run_id", "sys/modification_time"],
        query="(last(`accuracy`:floatSeries) > 0.88) AND (`learning_rate`:float < 0.01)",
    )
    assert experiments["sys/name"].to_list() == ["tree/one"]
    for query in (
        '(`learning_rate`:float < 0.01) AND (`sys/name`:string MATCHES "experiment-\\\\d+")',
        r'(`learning_rate`:float < 0.01) AND (`sys/name`:string MATCHES "experiment-\\d+")',
    ):
        assert project.fetch_experiments_df(query=query)["sys/name"].to_list() == ["experiment-12"]
    assert list(project.fetch_runs().columns) == ["sys/custom_run_id", "sys/id", "sys/name"]
    run = ReadOnlyRun(project, with_id="TES-1")
    assert run["sys/state"].fetch() == "inactive"
    assert run["sys/group_tags"].fetch() == {"group"}
    assert run["sys/failed"].fetch() is False
