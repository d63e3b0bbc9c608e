"""Pages that a server hands out by token, guarded against one that never comes to an end."""

from __future__ import annotations

from neptune_frames.errors import MismatchedAnswerError


class TokenTrail:
    """The tokens seen so far: one that comes again would make the same pages come for ever."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: set[str] = set()

    def follow(self, token: str) -> str:
        if token in self._seen:
            raise MismatchedAnswerError(
                f"the server sent the same token for the next page of {self._what} twice, which would never end"
            )
        self._seen.add(token)
        return token
