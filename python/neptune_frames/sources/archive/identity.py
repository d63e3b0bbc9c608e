"""Stable UUIDs for projects and runs of an archive, which stores none of its own."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/neptune-ai/neptune-exporter")


def project_uuid(project: str) -> str:
    """The UUID of a project, derived from its name.

    >>> project_uuid("ws/proj") == project_uuid("ws/proj")
    True
    """
    return str(uuid.uuid5(_NAMESPACE, f"project:{project}"))


def run_uuid(project: str, run_id: str) -> str:
    """The UUID of a run, derived from its project and run id."""
    return str(uuid.uuid5(uuid.UUID(project_uuid(project)), f"run:{run_id}"))
