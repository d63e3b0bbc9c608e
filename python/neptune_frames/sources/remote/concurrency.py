"""Requests side by side: a bounded number ahead of the consumer, on one pool of threads for the process.

Only the consumer's thread hands out requests and waits for them. A request itself waits for the server; for another
one that renews the access token; for room among the bodies that are read; and for its decoding, which has threads of
its own and waits for nothing. Whoever renews a token or has room is a request at work, and needs no further thread of
the pool to go on. So the pools cannot lock up however many calls share them.

A consumer that wants something done meanwhile (`neptune_frames.sources.waiting`) waits in slices.
"""

from __future__ import annotations

import contextvars
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from neptune_frames import config
from neptune_frames.sources.waiting import ATTENTION, attend
from neptune_frames.warnings import callers_line, name_in_warnings

T = TypeVar("T")

Task = Callable[[], T]


@dataclass(frozen=True)
class Step(Generic[T]):
    """One answer of a chain of requests, and how to get the next one."""

    value: T
    following: Callable[[], Step[T]] | None = None


class Cancelled(Exception):
    """The answer is not wanted any more. Raised and dropped inside the pool."""


_cancellation: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar(
    "neptune_frames_cancellation", default=None
)


def check_cancelled() -> None:
    """Raise `Cancelled` inside a task that nobody waits for any more."""
    event = _cancellation.get()
    if event is not None and event.is_set():
        raise Cancelled


def cancellable_sleep(sleep: Callable[[float], None]) -> Callable[[float], None]:
    """``sleep``, cut short when the task is cancelled; a sleep of one's own (in a test) is kept."""

    def rest(seconds: float) -> None:
        event = _cancellation.get()
        if event is None or sleep is not time.sleep:
            sleep(seconds)
        else:
            event.wait(seconds)
        check_cancelled()

    return rest


def fetch_unordered(chains: Iterable[Callable[[], Step[T]]], ahead: int | None = None) -> Iterator[T]:
    """Run chains of requests side by side; values of one chain come in its order.

    Args:
        chains: The first request of each chain; its step names the one that follows.
        ahead: Chains in work at one time, default MAX_WORKERS. A value that waits for the consumer counts.
    """
    with _Work[Step[T]](ahead) as work:
        waiting = iter(chains)
        while True:
            work.fill(waiting)
            if not work.running:
                return
            step = work.next_finished()
            # The next page is under way before the consumer looks at this one.
            if step.following is not None:
                work.submit(step.following)
            yield step.value


def fetch_ordered(tasks: Iterable[Task[T]], ahead: int | None = None) -> Iterator[T]:
    """Run tasks side by side; results come in the order of the tasks."""
    with _Work[T](ahead) as work:
        waiting = iter(tasks)
        work.fill(waiting)
        while work.running:
            result = work.oldest()
            work.fill(waiting)
            yield result


def run_attended(task: Task[T]) -> T:
    """Run a single request: here, or in the pool if the consumer wants something done while it waits."""
    if attend.get() is None or _cancellation.get() is not None:
        return task()
    with _Work[T](1) as work:
        work.submit(task)
        return work.next_finished()


class _Work(Generic[T]):
    """Tasks handed to the pool. Leaving it cancels what is not finished, and waits for nothing."""

    def __init__(self, ahead: int | None) -> None:
        self._ahead = ahead or config.MAX_WORKERS.get()
        self._finished: queue.SimpleQueue[Future[T]] = queue.SimpleQueue()
        self._cancellation = threading.Event()
        self._attend = attend.get()
        self._caller = callers_line()
        self.running: deque[Future[T]] = deque()

    def __enter__(self) -> _Work[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._cancellation.set()
        for future in self.running:
            future.cancel()

    def fill(self, tasks: Iterator[Task[T]]) -> None:
        while len(self.running) < self._ahead:
            task = next(tasks, None)
            if task is None:
                return
            self.submit(task)

    def submit(self, task: Task[T]) -> None:
        context = contextvars.copy_context()
        context.run(_cancellation.set, self._cancellation)
        context.run(name_in_warnings, self._caller)
        future = shared_pool().submit(context.run, task)
        self.running.append(future)
        future.add_done_callback(self._finished.put)

    def next_finished(self) -> T:
        future = self._wait()
        self.running.remove(future)
        return future.result()

    def oldest(self) -> T:
        """The result of the oldest task; an error of any other one is raised as soon as it is known."""
        oldest = self.running.popleft()
        while not (oldest.done() and self._finished.empty()):
            finished = self._wait()
            if finished.exception() is not None:
                finished.result()
        return oldest.result()

    def _wait(self) -> Future[T]:
        """The next task that has finished."""
        while self._attend is not None:
            with suppress(queue.Empty):
                return self._finished.get(timeout=ATTENTION)
            self._attend()
        return self._finished.get()


def large_answers_ahead() -> int:
    """How many answers of millions of values to have in work at one time: two for each processor, at least 4.

    They keep the processors busy; more of them would only wait for the interpreter, and hold memory.
    """
    return min(config.MAX_WORKERS.get(), max(4, 2 * (os.cpu_count() or 1)))


def compute(task: Task[T], *, side_by_side: bool = True) -> T:
    """Run what keeps a processor busy, such as decoding, and wait for its result.

    It runs in one of as many threads as there are processors: more at a time would not be faster, and
    allocators keep some memory for each thread that ever allocated. Tasks of very many short steps are better
    not run ``side_by_side``: they would pass the interpreter to and fro at each step, which takes longer than
    most steps.
    """
    context = contextvars.copy_context()
    pool = _pool("compute", os.cpu_count() or 1) if side_by_side else _pool("compute-in-turn", 1)
    return pool.submit(context.run, task).result()


def shared_pool() -> ThreadPoolExecutor:
    """The threads in which requests wait for their answers."""
    return _pool("requests", config.MAX_WORKERS.get())


def _pool(purpose: str, threads: int) -> ThreadPoolExecutor:
    """A pool of this process, made when first needed (and anew after a fork)."""
    with _pools_lock:
        pool = _pools.get(purpose)
        if pool is None:
            pool = _pools[purpose] = ThreadPoolExecutor(threads, thread_name_prefix=f"neptune-frames-{purpose}")
        return pool


def _forget_pools() -> None:
    """Threads do not survive a fork, and a lock may have been held by one of them."""
    global _pools, _pools_lock
    _pools, _pools_lock = {}, threading.Lock()


_pools: dict[str, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)
