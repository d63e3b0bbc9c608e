"""Progress bars: on a terminal, where they are wanted."""

from __future__ import annotations

import sys
import time
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


#: Takes how many more items are done, and how many more things were counted in them.
Counting = Callable[[int, int], object]


@contextmanager
def counting_bar(total: int, what: str, counted: str, *, enabled: bool = True, title: str) -> Iterator[Counting]:
    """As `progress_bar`, for items that differ in size: what is in them is counted too, and how fast it comes.

    >>> with counting_bar(2, "runs", "points", enabled=False, title="team/project") as advance:
    ...     advance(1, 5000)
    """
    count, started = 0, time.monotonic()
    with progress_bar(total, what, enabled=enabled, title=title) as advance:

        def advance_both(items: int, more: int) -> None:
            nonlocal count
            count += more
            show = getattr(getattr(advance, "__self__", None), "set_postfix_str", None)
            if show is not None:
                rate = count / max(time.monotonic() - started, 1e-9)
                show(f"{count:,} {counted}, {rate:,.0f}/s", refresh=False)
            advance(items)

        yield advance_both


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
