"""Projects by name (endpoint PRJ)."""

from __future__ import annotations

from typing import Any

from neptune_frames.sources.remote.session import Session
from neptune_frames.wire.media_types import JSON
from neptune_frames.wire.requests import Project, decode_message

_PATH = "/api/backend/v1/projects/get"


def fetch_project_name(session: Session, identifier: str) -> str:
    """``workspace/name`` as the server spells it."""
    project = session.call(
        "GET", _PATH, _decode, answers=JSON, params={"projectIdentifier": identifier}, project=identifier
    )
    return f"{project.organization_name}/{project.name}"


def _decode(body: Any, media_type: str) -> Project:
    return decode_message(body, Project)
