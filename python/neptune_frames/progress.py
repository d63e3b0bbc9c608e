"""Progress bars: on a terminal, where they are wanted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from neptune_frames import config

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

#: Seconds of a fetch that nobody needs to see the progress of.
_PATIENCE = 1.0


class Bar:
    """A bar on the screen; without a bar of tqdm, none."""

    def __init__(self, drawn: tqdm[Any] | None = None) -> None:
        self._drawn = drawn

    def advance(self, items: int) -> None:
        """So many more items are done."""
        if self._drawn is not None:
            self._drawn.update(items)

    def note(self, text: Callable[[], str]) -> None:
        """Have the bar show a text, which is made only if there is a bar."""
        if self._drawn is not None:
            self._drawn.set_postfix_str(text(), refresh=False)


@contextmanager
def progress_bar(total: int, what: str, *, enabled: bool = True, title: str | None = None) -> Iterator[Bar]:
    """Show how many of ``total`` items are done; yields the bar, which is told how many more are.

    A bar with a ``title`` stays on the screen when it is full. Nothing is shown unless ``enabled``,
    NEPTUNE_PROGRESS_BAR and a terminal on standard error agree.

    >>> with progress_bar(2, "files", enabled=False) as bar:
    ...     bar.advance(1)
    """
    if not (enabled and total and _is_wanted()):
        yield Bar()
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=f" {what}", desc=title, leave=title is not None) as drawn:
        yield Bar(drawn)


#: Takes how many more items are done, and how many more things were counted in them.
Counting = Callable[[int, int], object]


@contextmanager
def counting_bar(total: int, what: str, counted: str, *, title: str) -> Iterator[Counting]:
    """As `progress_bar`, for items that differ in size: what is in them is counted too, and how fast it comes.

    >>> with counting_bar(2, "runs", "points", title="team/project") as advance:
    ...     advance(1, 5000)
    """
    count, started = 0, time.monotonic()
    with progress_bar(total, what, title=title) as bar:

        def shown_count() -> str:
            return f"{count:,} {counted}, {count / max(time.monotonic() - started, 1e-9):,.0f}/s"

        def advance(items: int, more: int) -> None:
            nonlocal count
            count += more
            bar.note(shown_count)
            bar.advance(items)

        yield advance


@contextmanager
def reading_bar(size: int, title: str) -> Iterator[Bar]:
    """Show how many of so many bytes of files are read, should it take long: also where no face has a bar of its own.

    >>> with reading_bar(4096, "Reading the archive") as bar:
    ...     bar.advance(4096)
    """
    if not _is_wanted():
        yield Bar()
        return
    from tqdm import tqdm

    with tqdm(total=size, desc=title, unit="B", unit_scale=True, delay=_PATIENCE, leave=False) as drawn:
        yield Bar(drawn)


#: Whether the call that is being answered may draw bars.
_are_allowed: ContextVar[bool] = ContextVar("neptune_frames_bars_are_allowed", default=True)
#: The title of the bar of a long fetch, where a face wants one.
_fetch_title: ContextVar[str | None] = ContextVar("neptune_frames_fetch_title", default=None)


@contextmanager
def allowing_bars(allowed: bool) -> Iterator[None]:
    """Whether anything may draw a bar meanwhile: who passes ``progress_bar=False`` wants none, of whatever."""
    token = _are_allowed.set(allowed)
    try:
        yield
    finally:
        _are_allowed.reset(token)


@contextmanager
def long_fetch(title: str, *, enabled: bool = True) -> Iterator[None]:
    """Have what is fetched within draw a bar with this title, should it take long (`tracked`)."""
    with allowing_bars(enabled):
        token = _fetch_title.set(title if enabled else None)
        try:
            yield
        finally:
            _fetch_title.reset(token)


def tracked(
    items: Iterable[T], what: str, size: Callable[[T], int], total: Callable[[T], int | None] = lambda _: None
) -> Iterator[T]:
    """The items as they come, counted by the bar of a `long_fetch`.

    Args:
        items: Answers of a source.
        what: What is counted, in the plural.
        size: How many of them an item holds.
        total: How many there will be, as the first item tells.

    >>> list(tracked(["ab", "c"], "letters", len))
    ['ab', 'c']
    """
    title = _fetch_title.get()
    if title is None or not _is_wanted():
        yield from items
        return
    from tqdm import tqdm

    with tqdm(desc=title, unit=f" {what}", unit_scale=True, delay=_PATIENCE, leave=False) as bar:
        for item in items:
            bar.total = bar.total or total(item)
            bar.update(size(item))
            yield item


def _is_wanted() -> bool:
    return _are_allowed.get() and config.PROGRESS_BAR.get() and _is_terminal()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
