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
    """``provider`` is ``azure``, ``gcp`` or ``aws`` and says how the URL is to be fetched."""

    project_identifier: str
    path: str
    url: str
    provider: str


class SignedUrlAnswer(SnakeMessage, frozen=True):
    """One signed file per requested one, in the same order."""

    files: list[SignedFile]
