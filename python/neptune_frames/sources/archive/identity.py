"""Stable UUIDs for projects and runs of an archive, which stores none of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/neptune-ai/neptune-exporter")


def project_uuid(project: str) -> str:
    """The UUID of a project, derived from its name.

    >>> project_uuid("ws/proj") == project_uuid("ws/proj")
    True
    """
    return str(uuid.uuid5(_NAMESPACE, project))


def run_uuids(project: str, run_ids: Iterable[str]) -> list[str]:
    """The UUIDs of runs, derived from the UUID of their project and their run ids."""
    namespace = uuid.UUID(project)
    return [str(uuid.uuid5(namespace, run_id)) for run_id in run_ids]
