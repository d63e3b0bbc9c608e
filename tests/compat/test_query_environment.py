"""What the environment decides: the default project and the API token. Official and ours, in processes of their own."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compat.peer import difference
from compat.peer_process import PeerProcess
from compat.query_cases import SETUP

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

pytestmark = pytest.mark.compat

#: The official name of a class of ours, which catches it as `InvalidApiTokenException` too.
OURS = {"InvalidApiTokenException": "InvalidApiTokenError"}


@contextmanager
def both_clients(official_python: Path, environment: dict[str, str]) -> Iterator[list[PeerProcess]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(PeerProcess(python, environment=environment, setup=SETUP))
            for python in (official_python, Path(sys.executable))
        ]


@pytest.fixture(scope="module")
def configured(official_python: Path, data_server: RunningServer) -> Iterator[list[PeerProcess]]:
    """A token and a project in the environment, with blanks around them."""
    environment = {"NEPTUNE_API_TOKEN": f" {data_server.api_token}\n", "NEPTUNE_PROJECT": " synthetic/lineage\n"}
    with both_clients(official_python, environment) as clients:
        yield clients


@pytest.fixture(scope="module")
def bare(official_python: Path) -> Iterator[list[PeerProcess]]:
    """Nothing in the environment."""
    with both_clients(official_python, {}) as clients:
        yield clients


@pytest.mark.parametrize(
    "call",
    [
        "nr.list_runs(runs='^alpha')",
        "nr.list_runs(project='', runs='^alpha')",
        "nr.list_runs(project='nanogpt/speedrun', runs='^main')",
    ],
)
def test_default_project(configured: list[PeerProcess], record_property: pytest.RecordProperty, call: str) -> None:
    official, ours = (client.call(call)["result"] for client in configured)
    record_property("compared_calls", 1)
    assert official["items"]
    assert difference(official, ours) is None


def encoded(content: Any) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("nr.list_runs(runs='a')", "NeptuneProjectNotProvided"),
        ("nr.list_runs(project='a/b')", "NeptuneApiTokenNotProvided"),
        ("[nq.set_api_token('not a token'), nr.list_runs(project='a/b')]", "InvalidApiTokenException"),
        (f"[nq.set_api_token({encoded({'api_key': 'x'})!r}), nr.list_runs(project='a/b')]", "InvalidApiTokenException"),
        ("[nq.set_api_token(rejected), nr.list_runs(project='a/b')]", "NeptuneInvalidCredentialsError"),
    ],
)
def test_refused_token(
    bare: list[PeerProcess],
    data_server: RunningServer,
    record_property: pytest.RecordProperty,
    code: str,
    refusal: str,
) -> None:
    token = json.loads(base64.b64decode(data_server.api_token))
    rejected = encoded({**token, "api_key": "a wrong secret"})
    official, ours = (client.call(code, rejected=rejected)["result"] for client in bare)
    record_property("compared_calls", 1)
    assert (official["class"], ours["class"]) == (refusal, OURS.get(refusal, refusal))
    assert "a wrong secret" not in ours["message"]
    assert rejected not in ours["message"]


def test_official_name_of_a_renamed_class() -> None:
    from neptune_frames.errors import InvalidApiTokenError
    from neptune_query.generated.neptune_api.errors import InvalidApiTokenException

    assert InvalidApiTokenException is InvalidApiTokenError
