"""Values that Python has no type for: files and histograms."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["File", "Histogram"]


@dataclass(frozen=True)
class File:
    """A file that was logged to a run: a description of it, not its content.

    Cells of tables and series hold such values; pass them to ``download_files()`` to get the content.
    Exactly one of ``experiment_name`` and ``run_id`` is set: the one by which the file was found.

    Args:
        project_identifier: Project as ``workspace/name``.
        experiment_name: Name of the experiment, or None.
        run_id: Custom id of the run, or None.
        attribute_path: Name of the attribute that holds the file.
        step: Step in a file series; None for a file that was assigned.
        path: Key of the file in the store. Opaque; not a local path.
        size_bytes: Size in bytes.
        mime_type: Media type, such as ``image/png``.

    Raises:
        ValueError: If both or neither of ``experiment_name`` and ``run_id`` are given.

    Example:
        >>> File("team/vision", "exp-1", None, "plots/roc", 3.0, "a1b2", 2048, "image/png")
        File(size=2.00 KB, mime_type=image/png)
    """

    project_identifier: str
    experiment_name: str | None
    run_id: str | None
    attribute_path: str
    step: float | None
    path: str
    size_bytes: int
    mime_type: str

    def __post_init__(self) -> None:
        if bool(self.experiment_name) == bool(self.run_id):
            raise ValueError(
                "A File belongs to an experiment or to a run: give exactly one of experiment_name and run_id, "
                f"not experiment_name={self.experiment_name!r} and run_id={self.run_id!r}."
            )

    @property
    def container_identifier(self) -> str:
        """Name of the experiment or custom id of the run the file belongs to."""
        return self.experiment_name or self.run_id or ""

    def __repr__(self) -> str:
        return f"File(size={_readable_size(self.size_bytes)}, mime_type={self.mime_type})"


@dataclass(frozen=True)
class Histogram:
    """A histogram as it was logged.

    Args:
        type: What ``values`` are, as the server names it, such as ``COUNTING``.
        edges: Borders of the bins, ascending; one more than there are values.
        values: Value of each bin.

    Example:
        >>> Histogram("COUNTING", edges=[0.0, 1.0, 2.0], values=[5.0, 7.0])
        Histogram(type='COUNTING', edges=[0.0, 1.0, 2.0], values=[5.0, 7.0])
    """

    type: str
    edges: list[float]
    values: list[float]


_UNIT = 1024


def _readable_size(size_bytes: int) -> str:
    """Size with a binary unit, GB the largest, as documented for ``repr(File)``."""
    if size_bytes < _UNIT:
        return f"{size_bytes} B"
    size = size_bytes / _UNIT
    for name in ("KB", "MB"):
        if size < _UNIT:
            return f"{size:.2f} {name}"
        size /= _UNIT
    return f"{size:.2f} GB"
