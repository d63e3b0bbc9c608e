"""The official neptune-fetcher against our server == our drop-in against it == our drop-in on the archive itself.

Calls (`fetcher_cases`) are drawn from a seed and evaluated by three processes of the same script. Answers are
compared as plain values: classes, indexes, columns, dtypes, order and every cell. A failing call is printed as
one line of Python; the summary of the run says how many calls were compared.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compat.fetcher_cases import SETUP, Case, all_cases
from compat.fetcher_differences import DIFFERENCES
from compat.peer import difference
from compat.peer_process import OUR_PACKAGE, PeerProcess

if TYPE_CHECKING:
    from neptune_frames.server.testing import RunningServer

pytestmark = pytest.mark.compat

CASES = all_cases()
COMPARED_AT_LEAST = 150

#: Evaluates a call and says what came of it, an exception too.
_OUTCOME = """
def outcome(call):
    try:
        return call()
    except Exception as error:
        return error
"""


class Peers:
    """The official client and ours twice, asked the same thing at the same time."""

    def __init__(self, official: PeerProcess, **ours: PeerProcess) -> None:
        self._peers = {"official": official, **ours}
        self._threads = ThreadPoolExecutor(len(self._peers))

    def ask(self, code: str) -> tuple[Any, dict[str, Any]]:
        """What the official client answers, and what ours do."""
        answers = self._threads.map(lambda peer: peer.call(code)["result"], self._peers.values())
        found = dict(zip(self._peers, answers, strict=True))
        return found.pop("official"), found


@pytest.fixture(scope="module")
def peers(official_fetcher_python: Path, data_server: RunningServer, shared_data: Path) -> Iterator[Peers]:
    token = {"NEPTUNE_API_TOKEN": data_server.api_token, "NEPTUNE_PROJECT": "nanogpt/speedrun"}
    archive = {"NEPTUNE_ARCHIVE": str(shared_data), "NEPTUNE_PROJECT": "nanogpt/speedrun"}
    with ExitStack() as stack:
        official, remote, local = (
            stack.enter_context(PeerProcess(Path(python), environment=environment, setup=SETUP + _OUTCOME))
            for python, environment in (
                (official_fetcher_python, token),
                (sys.executable, token | OUR_PACKAGE),
                (sys.executable, archive | OUR_PACKAGE),
            )
        )
        yield Peers(official, our_client=remote, our_archive=local)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= COMPARED_AT_LEAST
    assert {case.difference for case in CASES} - {None} == set(DIFFERENCES)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.call[:60]) for case in CASES if case.difference is None])
def test_same_answer(case: Case, peers: Peers, record_property: pytest.RecordProperty) -> None:
    expected, ours = peers.ask(case.call)
    found = {where: _difference(expected, actual) for where, actual in ours.items()}
    record_property("compared_calls", len(ours))
    assert not any(found.values()), _report(case, found)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.call[:60]) for case in CASES if case.difference])
def test_documented_difference(case: Case, peers: Peers, record_property: pytest.RecordProperty) -> None:
    expected, ours = peers.ask(case.call)
    record_property("compared_calls", len(ours))
    _, holds = peers.ask(f"bool((lambda result: {DIFFERENCES[str(case.difference)]})(outcome(lambda: {case.call})))")
    for where, actual in ours.items():
        assert _difference(expected, actual), f"{case.call}  # {where} no longer differs"
        assert holds[where] == ("bool", True), f"{case.call}  # {where}: {case.difference}"


def _difference(expected: Any, actual: Any) -> str | None:
    """An error of ours must be caught by whoever catches the official one."""
    if not _is_error(expected):
        return (
            f"found {actual['class']}: {actual['message'][:300]}" if _is_error(actual) else difference(expected, actual)
        )
    if not _is_error(actual):
        return f"{expected['class']} expected ({expected['message'][:200]}), found {str(actual)[:200]}"
    if expected["class"] in (actual["class"], *actual["bases"]):
        return None
    return f"{expected['class']} expected, found {actual['class']} of {actual['bases']}: {actual['message'][:300]}"


def _is_error(result: Any) -> bool:
    return isinstance(result, dict) and result["kind"] == "error"


def _report(case: Case, found: dict[str, str | None]) -> str:
    return "\n  ".join([f"{case.call}  # over shared/data", *(f"{where}: {what}" for where, what in found.items())])
