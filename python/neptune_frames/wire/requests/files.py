"""Signed URLs of files (G)."""

from __future__ import annotations

from neptune_frames.wire.requests.message import SnakeMessage


class FileToSign(SnakeMessage, frozen=True):
    """``path`` is the opaque value of the file attribute."""

    path: str
    permission: str
    project_identifier: str
    size: int | None = None


class SignedUrlRequest(SnakeMessage, frozen=True):
    files: list[FileToSign]


class SignedFile(SnakeMessage, frozen=True):
    """``provider`` is ``azure``, ``gcp`` or ``aws``. Whoever has the URL has the file, so the repr leaves it out."""

    project_identifier: str
    path: str
    url: str
    provider: str

    def __repr__(self) -> str:
        return f"SignedFile(path={self.path!r}, provider={self.provider!r})"


class SignedUrlAnswer(SnakeMessage, frozen=True):
    """One signed file per requested one, in the same order."""

    files: list[SignedFile]
