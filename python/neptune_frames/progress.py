"""Progress bars: on a terminal, where they are wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from neptune_frames import config


@contextmanager
def progress_bar(
    total: int, what: str, *, enabled: bool = True, title: str | None = None
) -> Iterator[Callable[[int], object]]:
    """Show how many of ``total`` items are done; yields a function that takes how many more are.

    A bar with a ``title`` stays on the screen when it is full. Nothing is shown unless ``enabled``,
    NEPTUNE_PROGRESS_BAR and a terminal on standard error agree.

    >>> with progress_bar(2, "files", enabled=False) as advance:
    ...     advance(1)
    """
    if not (enabled and total and config.PROGRESS_BAR.get() and _is_terminal()):
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=f" {what}", desc=title, leave=title is not None) as bar:
        yield bar.update


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
