"""The official neptune-query against our server == our drop-in against it == our drop-in on the archive itself.

Hundreds of calls (`query_cases*`), each evaluated by three processes of the same script. What they answer is
compared as plain values: class, index and column kinds, names, dtypes and order, and every cell, exactly. A
failing call is printed as one line of Python. How many calls were compared is in the summary of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compat.peer import difference
from compat.peer_process import PeerProcess
from compat.query_cases import SETUP, Case
from compat.query_cases_drawn import drawn_cases
from compat.query_cases_fixed import fixed_cases
from compat.query_cases_refused import refused_cases

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

pytestmark = pytest.mark.compat

CASES = [*fixed_cases(), *refused_cases(), *drawn_cases()]

#: Warnings that belong to the interface; others (of pandas, of an unfinished export) differ by nature.
_WARNINGS = ("AttributeWarning", "ExperimentalWarning")


@dataclass(frozen=True)
class Peers:
    official: PeerProcess
    remote: PeerProcess
    archive: PeerProcess


@pytest.fixture(scope="module")
def peers(official_python: Path, data_server: RunningServer, shared_data: Path) -> Iterator[Peers]:
    token = {"NEPTUNE_API_TOKEN": data_server.api_token}
    archive = {"NEPTUNE_ARCHIVE": str(shared_data)}
    ours = Path(sys.executable)
    with ExitStack() as stack:
        started = [
            stack.enter_context(PeerProcess(python, environment=environment, setup=SETUP))
            for python, environment in ((official_python, token), (ours, token), (ours, archive))
        ]
        yield Peers(*started)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_same_answer(case: Case, peers: Peers, record_property: pytest.RecordProperty) -> None:
    expected, remote, archive = (peer.call(case.call) for peer in (peers.official, peers.remote, peers.archive))
    found = [
        f"{where}: {different}"
        for where, answer in (("our client", remote), ("our archive", archive))
        if (different := _difference(expected, answer))
    ]
    assert not found, _report(case, found)


def _difference(expected: dict[str, Any], actual: dict[str, Any]) -> str | None:
    left, right = expected["result"], actual["result"]
    if isinstance(left, dict) and left["kind"] == "error":
        return _error_difference(left, right)
    return difference(left, right) or difference(_interface_warnings(expected), _interface_warnings(actual), "warnings")


def _error_difference(expected: dict[str, Any], actual: Any) -> str | None:
    """Whoever catches the official error catches ours: its class has the official one's name, or inherits from it."""
    if not isinstance(actual, dict) or actual["kind"] != "error":
        return f"{expected['class']} expected ({_first_line(expected)}), found {str(actual)[:300]}"
    if expected["class"] in (actual["class"], *actual["bases"]):
        return None
    return (
        f"{expected['class']} expected ({_first_line(expected)}), found {actual['class']} of {actual['bases']} "
        f"({actual['message'][:300]})"
    )


def _first_line(error: dict[str, Any]) -> str:
    return " ".join(error["message"].split())[:200]


def _interface_warnings(answer: dict[str, Any]) -> list[str]:
    return [category for category, _ in answer["warnings"] if category in _WARNINGS]


def _report(case: Case, found: list[str]) -> str:
    return "\n  ".join([f"{case.call}  # over /work/shared/data", *found])
