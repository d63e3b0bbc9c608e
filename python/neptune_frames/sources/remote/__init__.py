"""Answers from a server: credentials, session, paging, batching."""

from neptune_frames.sources.remote.retries import RetryPolicy
from neptune_frames.sources.remote.source import RemoteSource

__all__ = ["RemoteSource", "RetryPolicy"]
