"""The official neptune-query against our server == our drop-in against it == our drop-in on the archive itself.

Hundreds of calls (`query_cases*`), each evaluated by three processes of the same script. What they answer is
compared as plain values: class, index and column kinds, names, dtypes and order, and every cell, exactly. A
failing call is printed as one line of Python. How many calls were compared is in the summary of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compat.peer import difference
from compat.peer_process import OUR_PACKAGE, PeerProcess
from compat.query_cases import SETUP, Case
from compat.query_cases_drawn import drawn_cases
from compat.query_cases_fixed import fixed_cases
from compat.query_cases_refused import refused_cases
from compat.query_differences import DIFFERENCES

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

pytestmark = pytest.mark.compat

CASES = [*fixed_cases(), *refused_cases(), *drawn_cases()]

#: Warnings that belong to the interface; others (of pandas, of an unfinished export) differ by nature.
_WARNINGS = ("AttributeWarning", "ExperimentalWarning")


class Peers:
    """The official client and ours twice, asked the same thing at the same time."""

    def __init__(self, official: PeerProcess, remote: PeerProcess, archive: PeerProcess) -> None:
        self._official = official
        self._ours = {"our client": remote, "our archive": archive}
        self._threads = ThreadPoolExecutor(3)

    def ask(self, code: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """What the official client says, and what ours say."""
        answers = self._threads.map(lambda peer: peer.call(code), (self._official, *self._ours.values()))
        official, *ours = answers
        return official, dict(zip(self._ours, ours, strict=True))

    def ask_ours(self, code: str) -> dict[str, Any]:
        return {where: peer.call(code)["result"] for where, peer in self._ours.items()}


@pytest.fixture(scope="module")
def peers(official_python: Path, data_server: RunningServer, shared_data: Path) -> Iterator[Peers]:
    token = {"NEPTUNE_API_TOKEN": data_server.api_token}
    archive = {"NEPTUNE_ARCHIVE": str(shared_data), **OUR_PACKAGE}
    ours = Path(sys.executable)
    with ExitStack() as stack:
        started = [
            stack.enter_context(PeerProcess(python, environment=environment, setup=SETUP))
            for python, environment in ((official_python, token), (ours, token | OUR_PACKAGE), (ours, archive))
        ]
        yield Peers(*started)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES if case.difference is None])
def test_same_answer(case: Case, peers: Peers, record_property: pytest.RecordProperty) -> None:
    official, ours = peers.ask(case.call)
    found = {where: different for where, answer in ours.items() if (different := _difference(official, answer))}
    record_property("compared_calls", 1)
    assert not found, _report(case, found)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES if case.difference is not None])
def test_known_difference(case: Case, peers: Peers, record_property: pytest.RecordProperty) -> None:
    expected = DIFFERENCES[str(case.difference)]
    official, ours = peers.ask(case.call)
    same = [where for where, answer in ours.items() if not _difference(official, answer)]
    assert not same, _report(case, dict.fromkeys(same, f"no longer differs: {case.difference}"))
    checked = peers.ask_ours(f"bool((lambda result: {expected})(outcome(lambda: {case.call})))")
    record_property("compared_calls", 1)
    wrong = {where: f"{expected}: {answer}" for where, answer in checked.items() if answer != ("bool", True)}
    assert not wrong, _report(case, wrong)


def test_the_matrix_is_whole() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 300
    assert {case.difference for case in CASES} == {None, *DIFFERENCES}


def _difference(expected: dict[str, Any], actual: dict[str, Any]) -> str | None:
    left, right = expected["result"], actual["result"]
    if _is_error(left):
        return _error_difference(left, right)
    if _is_error(right):
        return f"a result expected, found {right['class']}: {right['message'][:300]}"
    return difference(left, right) or difference(_interface_warnings(expected), _interface_warnings(actual), "warnings")


def _is_error(result: Any) -> bool:
    return isinstance(result, dict) and result["kind"] == "error"


def _error_difference(expected: dict[str, Any], actual: Any) -> str | None:
    """Whoever catches the official error catches ours: its class has the official one's name, or inherits from it."""
    wanted = f"{expected['class']} expected ({' '.join(expected['message'].split())[:200]})"
    if not _is_error(actual):
        return f"{wanted}, found {str(actual)[:300]}"
    if expected["class"] in (actual["class"], *actual["bases"]):
        return None
    return f"{wanted}, found {actual['class']} of {actual['bases']}: {actual['message'][:300]}"


def _interface_warnings(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Their classes, and how their texts begin: filters of warnings look at that."""
    return [(category, text.partition(": ")[0][:45]) for category, text in answer["warnings"] if category in _WARNINGS]


def _report(case: Case, found: dict[str, str]) -> str:
    return "\n  ".join([f"{case.call}  # over shared/data", *(f"{where}: {what}" for where, what in found.items())])
