"""What the environment decides: default project, API token, time zone, page sizes. Official and ours, in processes
of their own."""

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
from compat.peer_process import OUR_PACKAGE, PeerProcess
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
            for python, environment in (
                (official_python, environment),
                (Path(sys.executable), environment | OUR_PACKAGE),
            )
        ]


@pytest.fixture(scope="module")
def configured(official_python: Path, data_server: RunningServer) -> Iterator[list[PeerProcess]]:
    """A token and a project in the environment, with blanks around them; a zone; pages of a few rows."""
    environment = {
        "NEPTUNE_API_TOKEN": f" {data_server.api_token}\n",
        "NEPTUNE_PROJECT": " synthetic/lineage\n",
        "TZ": "America/New_York",
        "NEPTUNE_QUERY_EXPERIMENT_SYS_ATTRS_BATCH_SIZE": "5",
        "NEPTUNE_QUERY_ATTRIBUTE_DEFINITIONS_BATCH_SIZE": "7",
        "NEPTUNE_QUERY_ATTRIBUTE_VALUES_BATCH_SIZE": "11",
        "NEPTUNE_QUERY_SERIES_BATCH_SIZE": "3",
        "NEPTUNE_QUERY_MAX_REQUEST_SIZE": "300",
        "NEPTUNE_QUERY_MAX_ATTRIBUTE_FILTER_SIZE": "20",
        "NEPTUNE_QUERY_ENTRIES_SEARCH_MAX_PROJECTION_ATTRIBUTES": "2",
        "NEPTUNE_QUERY_FILES_BATCH_SIZE": "2",
    }
    with both_clients(official_python, environment) as clients:
        yield clients


@pytest.fixture(scope="module")
def bare(official_python: Path) -> Iterator[list[PeerProcess]]:
    """Nothing in the environment."""
    with both_clients(official_python, {}) as clients:
        yield clients


#: Which run was created at 10:00 UTC, 05:00 in New York.
_AT_FIVE = "dt.datetime(2025, 3, 1, 5)"


@pytest.mark.parametrize(
    "call",
    [
        "nr.list_runs(runs='^alpha')",
        "nr.list_runs(project='', runs='^alpha')",
        "nr.list_runs(project='nanogpt/speedrun', runs='^main')",
        # Points in time without a zone are local.
        f"nr.list_runs(runs=Filter.eq('sys/creation_time', {_AT_FIVE}))",
        f"str(Filter.eq('sys/creation_time', {_AT_FIVE}))",
        f"str(Filter.eq('sys/creation_time', {_AT_FIVE}.replace(tzinfo=UTC)))",
        "nr.fetch_metrics(runs=['alpha-root'], attributes=['loss'], include_time='absolute', tail_limit=2)",
        # Many pages.
        "nr.list_runs()",
        "nq.list_attributes()",
        "nr.list_attributes(attributes=AttributeFilter(['loss', 'acc', 'seed', 'momentum', 'optimizer', 'lr']))",
        "nr.fetch_runs_table(runs='^[a-m]', attributes='!forking & !mixed & !loss & !last_year', limit=17)",
        "nr.fetch_runs_table(attributes=['seed', 'optimizer', 'sys/tags'], sort_by='sys/id', limit=15)",
        "ne.fetch_runs_table_global(attributes=['seed', 'sys/id'], limit=33)",
        "nq.fetch_metrics(experiments='^alpha|^parts', attributes='^loss$|^many/m00', include_time='absolute')",
        "nr.fetch_metrics(runs=['alpha-root', 'deep-3', 'metrics-only'], attributes=['loss', 'lr'], tail_limit=4)",
        "nr.fetch_series(runs='', attributes='.*', step_range=(0, 5))",
        "nq.fetch_metric_buckets(experiments='^alpha', y=['loss', 'acc'], limit=9)",
        "downloaded(nq, files=nq.fetch_series(experiments='files|single', attributes='.*'))",
    ],
)
def test_same_answer(configured: list[PeerProcess], record_property: pytest.RecordProperty, call: str) -> None:
    official, ours = (client.call(call)["result"] for client in configured)
    record_property("compared_calls", 1)
    assert official[0] == "str" if call.startswith("str") else official["kind"] != "error"
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
