"""Projects by name (endpoint PRJ)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from neptune_frames.errors import NeptuneUnexpectedResponseError, NotNeptuneServerError, ProjectNotFoundError
from neptune_frames.sources.remote.session import Session
from neptune_frames.wire import paths
from neptune_frames.wire.media_types import JSON
from neptune_frames.wire.requests import Project, decode_message


def fetch_project_name(session: Session, identifier: str) -> str:
    """``workspace/name`` as the server spells it. Raises `ProjectNotFoundError` where there is no such project."""
    try:
        project = session.call(
            "GET", paths.PROJECT, _decode, answers=JSON, params={"projectIdentifier": identifier}, project=identifier
        )
    except NeptuneUnexpectedResponseError as error:
        if error.status_code != HTTPStatus.NOT_FOUND or isinstance(error, NotNeptuneServerError):
            raise
        raise ProjectNotFoundError(identifier, error.content) from error
    return f"{project.organization_name}/{project.name}"


def _decode(body: Any, media_type: str) -> Project:
    return decode_message(body, Project)
