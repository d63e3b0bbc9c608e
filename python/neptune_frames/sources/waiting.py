"""What a caller wants done while a source waits for answers.

Polars reads its sources on threads of its own, where Ctrl-C does not arrive: it only takes a note of it, and raises
`KeyboardInterrupt` in the next call that it gets. So a source that waits must make such calls now and then; which
ones, only the code that knows Polars can say. It says so through the context, as sources know nothing of frames.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

#: Called every `ATTENTION` seconds while a source waits. What it raises ends the waiting.
attend: ContextVar[Callable[[], None] | None] = ContextVar("neptune_frames_attend", default=None)

#: Seconds after which somebody at a keyboard starts to wonder.
ATTENTION = 0.2
