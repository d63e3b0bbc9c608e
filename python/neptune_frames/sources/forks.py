"""Whether Polars can be used in this process: its threads do not survive a fork.

A child of ``os.fork()`` (so of `multiprocessing` with the start method "fork") has none of the threads of its parent.
Polars would hand work to its own and wait for ever, so an archive refuses to be read there. The hooks are set when
the package is imported, hence this module imports nothing heavy.
"""

from __future__ import annotations

import os
import sys

from neptune_frames.errors import ForkedProcessError

_used = False
_running_at_fork = False
_lost = False


def require_polars() -> None:
    """Say that Polars is about to work. Raises `ForkedProcessError` where it would wait for threads that are gone."""
    global _used
    refuse_lost_threads()
    _used = True


def refuse_lost_threads() -> None:
    """Raise `ForkedProcessError` where the threads of Polars stayed behind in the parent."""
    if _lost:
        raise ForkedProcessError


def _polars_is_running() -> bool:
    """Whether Polars has started its threads. Importing it starts none that matter; the first sort or query does."""
    if "polars" not in sys.modules:
        return False
    from pathlib import Path

    threads = Path("/proc/self/task")
    if not threads.is_dir():
        # Not Linux: threads have no names to look at, but reading an archive starts them.
        return _used
    prefix = os.environ.get("POLARS_THREAD_NAME", "polars") + "-"
    for thread in threads.iterdir():
        try:
            name = (thread / "comm").read_text(errors="replace").strip()
        except OSError:
            continue  # It ended after it was listed.
        if name.startswith(prefix) and name[len(prefix) :].isdigit():
            return True
    return False


def _before_fork() -> None:
    global _running_at_fork
    _running_at_fork = _polars_is_running()


def _in_child() -> None:
    global _lost
    _lost = _lost or _running_at_fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
