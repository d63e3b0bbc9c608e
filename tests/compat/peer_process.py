"""An official client in a process of its own, asked to evaluate calls."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import neptune_frames

SCRIPT = Path(__file__).with_name("peer.py")

#: Nothing of the caller's settings reaches the peer; a failing server ends its retries in seconds.
PEER_ENVIRONMENT = {
    "TZ": "UTC",
    "NEPTUNE_QUERY_RETRY_SOFT_TIMEOUT": "5",
    "NEPTUNE_QUERY_RETRY_HARD_TIMEOUT": "10",
    "NEPTUNE_FETCHER_RETRY_SOFT_TIMEOUT": "5",
    "NEPTUNE_FETCHER_RETRY_HARD_TIMEOUT": "10",
    "NEPTUNE_QUERY_MAX_WORKERS": "4",
    "NEPTUNE_FETCHER_MAX_WORKERS": "4",
    "NEPTUNE_LOGGER_LEVEL": "ERROR",
}


#: Has a peer import the package that the tests import, also where another copy of it is installed.
OUR_PACKAGE = {"PYTHONPATH": str(Path(neptune_frames.__file__).parents[1])}


class PeerError(Exception):
    """The peer process ended, or did not answer in time."""


class PeerProcess:
    """One process of an official environment. Calls are evaluated one after the other in one namespace.

    Parameters
    ----------
    python
        The interpreter of the environment.
    environment
        Variables such as ``NEPTUNE_API_TOKEN`` (official clients read them when they are imported).
    setup
        Statements run once, for instance imports.
    timeout
        Seconds a call may take.
    """

    def __init__(
        self, python: Path, *, environment: Mapping[str, str] | None = None, setup: str = "", timeout: float = 120.0
    ) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("NEPTUNE_", "PYTHON"))}
        self._timeout = timeout
        self._process = subprocess.Popen(
            [str(python), str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**inherited, **PEER_ENVIRONMENT, **(environment or {})},
        )
        if setup:
            failed = self._ask({"code": setup, "execute": True})["result"]
            if failed != ("None",):
                self.close()
                raise PeerError(f"the setup failed: {failed}")

    def call(self, code: str, **variables: Any) -> dict[str, Any]:
        """Evaluate an expression; ``variables`` (JSON values) can be named in it.

        Returns ``{"result": description, "warnings": [(class name, text)]}``, see `peer.describe`. An
        exception of the call is a result too, of kind ``error``.
        """
        return self._ask({"code": code, "variables": variables})

    def execute(self, code: str, **variables: Any) -> None:
        """Run statements; raises `PeerError` when they fail."""
        result = self._ask({"code": code, "variables": variables, "execute": True})["result"]
        if result != ("None",):
            raise PeerError(f"{code!r} failed: {result}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        watchdog = threading.Timer(self._timeout, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
            size = int.from_bytes(self._read(8), "big")
            return pickle.loads(self._read(size))  # type: ignore[no-any-return]
        except BrokenPipeError:
            raise PeerError(f"the peer process has ended; it was asked {message['code']!r}") from None
        finally:
            watchdog.cancel()

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        content = self._process.stdout.read(size)
        if len(content) < size:
            raise PeerError(f"the peer process ended, or took more than {self._timeout} seconds")
        return content
