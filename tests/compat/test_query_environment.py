"""What only the environment decides: default project, API token. One process per case, official and ours."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compat.peer import difference
from compat.peer_process import PeerProcess

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

pytestmark = pytest.mark.compat

#: The import is part of the call: the official client reads some variables then, and may refuse them there.
LIST_RUNS = "__import__('neptune_query.runs').runs.list_runs({})"


def _encoded(content: Any) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


def answers(python: Path, environment: dict[str, str], arguments: str) -> Any:
    with PeerProcess(python, environment=environment) as peer:
        return peer.call(LIST_RUNS.format(arguments))["result"]


@pytest.fixture
def both(official_python: Path) -> tuple[Path, Path]:
    return official_python, Path(sys.executable)


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        ({"NEPTUNE_PROJECT": "synthetic/lineage"}, "runs='^alpha'"),
        ({"NEPTUNE_PROJECT": " synthetic/lineage\n"}, "runs='^alpha'"),
        ({"NEPTUNE_PROJECT": "no/where"}, "project='synthetic/lineage'"),
        ({"NEPTUNE_PROJECT": "synthetic/lineage"}, "project=''"),
    ],
)
def test_default_project(
    both: tuple[Path, Path],
    data_server: RunningServer,
    record_property: pytest.RecordProperty,
    environment: dict[str, str],
    arguments: str,
) -> None:
    token = {"NEPTUNE_API_TOKEN": f" {data_server.api_token}\n"}
    official, ours = (answers(python, {**token, **environment}, arguments) for python in both)
    record_property("compared_calls", 1)
    assert official["kind"] == "list"
    assert difference(official, ours) is None


@pytest.mark.parametrize(
    ("environment", "refusal"),
    [
        ({}, "NeptuneApiTokenNotProvided"),
        ({"NEPTUNE_API_TOKEN": "not a token"}, "InvalidApiTokenException"),
        ({"NEPTUNE_API_TOKEN": _encoded({"api_key": "x"})}, "InvalidApiTokenException"),
    ],
)
def test_refused_token(
    both: tuple[Path, Path], record_property: pytest.RecordProperty, environment: dict[str, str], refusal: str
) -> None:
    official, ours = (answers(python, environment, "project='a/b'") for python in both)
    record_property("compared_calls", 1)
    assert official["class"] == refusal
    assert refusal in (ours["class"], *ours["bases"])
    assert environment.get("NEPTUNE_API_TOKEN", "-") not in ours["message"].replace("API token", "")


def test_token_that_the_server_rejects(
    both: tuple[Path, Path], data_server: RunningServer, record_property: pytest.RecordProperty
) -> None:
    token = json.loads(base64.b64decode(data_server.api_token))
    environment = {"NEPTUNE_API_TOKEN": _encoded({**token, "api_key": "wrong"})}
    official, ours = (answers(python, environment, "project='a/b'") for python in both)
    record_property("compared_calls", 1)
    assert official["class"] == ours["class"] == "NeptuneInvalidCredentialsError"
