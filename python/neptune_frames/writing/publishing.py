"""Committing a batch to an object store, where nothing can be renamed and no lock is known to all machines.

1. An export stages the whole batch, payloads included, in a directory that no other export uses.
2. It claims the number of the batch: a small object that names the staging directory, created only if there is
   none. That one request decides which of several exports has written the batch. The others are told, and have
   overwritten nothing.
3. The staged files are copied to their places, the manifest last, from which moment on readers see the batch.
   Whoever finds a claimed batch without a manifest can do that, with the same result, also twice at once: so what
   an export that broke off had claimed is completed by the next one.

Staging directories of numbers that are taken can become nothing any more, and are removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from neptune_frames.errors import ArchiveError, DamagedFileError
from neptune_frames.sources.archive.batch_layout import (
    FILES_DIRECTORY,
    MANIFEST,
    batch_directory,
    claim_file,
    claimed_number,
    read_manifest,
    staged_number,
    staging_directory,
)
from neptune_frames.sources.archive.object_path import ObjectPath

#: Objects that are brought, copied or removed side by side.
TRANSFERS = 8

_Item = TypeVar("_Item")


class _Claim(msgspec.Struct):
    """The content of a claim: the name of the staging directory that holds the batch."""

    staging: str


def commit(project: ObjectPath, number: int, batch: Path, payloads: Iterable[tuple[Path, str]], export: str) -> None:
    """Make a local batch the batch of that number.

    Parameters:
        project: The project's directory in the store.
        number: The number of the batch.
        batch: The directory of its files.
        payloads: Files that belong to it, with their paths below the directory of payloads.
        export: Names the export; no other one may have the name.

    Raises `ArchiveError` where another export has claimed the number; what is stored stays as it is.
    """
    staging = staging_directory(project, number, export)
    files = [(batch / entry.path, staging / entry.path) for entry in read_manifest(batch).files]
    files += [(file, staging / FILES_DIRECTORY / path) for file, path in payloads]
    side_by_side(lambda pair: pair[1].upload(pair[0]), files)
    (staging / MANIFEST).upload(batch / MANIFEST)
    target = batch_directory(project, number)
    # A batch that was copied here from a directory has a manifest, and no claim.
    if (target / MANIFEST).is_file() or not _claim(project, number, staging.name):
        _remove(staging)
        raise ArchiveError(f"{target} was written by another export meanwhile. Export again when that has ended.")
    _publish(project, number, staging)
    remove_outdone(project)


def complete_claimed(project: ObjectPath) -> None:
    """Complete the batch that an export had claimed when it broke off, if there is one. Raises `DamagedFileError`."""
    claimed = [number for path in project.iterdir() if (number := claimed_number(path.name)) is not None]
    # Nobody claims a number before the batch of the one before is complete, so only the last can be incomplete.
    if claimed and not (batch_directory(project, max(claimed)) / MANIFEST).is_file():
        _publish(project, max(claimed), project / _claimed_by(claim_file(project, max(claimed))))


def remove_outdone(project: ObjectPath) -> None:
    """Remove what was staged for numbers that are committed: it can become a batch no more."""
    for path in project.iterdir():
        number = staged_number(path.name)
        if number is not None and (batch_directory(project, number) / MANIFEST).is_file():
            _remove(path)


def _claim(project: ObjectPath, number: int, staging: str) -> bool:
    """Whether the number is this staging directory's, now or since an earlier attempt."""
    claim = claim_file(project, number)
    # A request that was repeated after a lost answer finds the claim that it made itself.
    return claim.create(msgspec.json.encode(_Claim(staging))) or _claimed_by(claim) == staging


def _claimed_by(claim: ObjectPath) -> str:
    try:
        return msgspec.json.decode(claim.read_bytes(), type=_Claim).staging
    except msgspec.DecodeError as error:
        raise DamagedFileError(str(claim), str(error)) from error


def _publish(project: ObjectPath, number: int, staging: ObjectPath) -> None:
    """Copy a staged batch, whose number is claimed for it, to its place."""
    batch = batch_directory(project, number)
    try:
        names = {entry.path for entry in read_manifest(staging).files}
        # Other files at that place could be met by whoever reads without a manifest.
        strays = [path for path in batch.files_below() if path.relative_to(batch) not in {*names, MANIFEST}]
        side_by_side(lambda stray: stray.unlink(missing_ok=True), strays)
        copies = [(staging / name, batch / name) for name in sorted(names)]
        payloads = staging / FILES_DIRECTORY
        copies += [(one, project / FILES_DIRECTORY / one.relative_to(payloads)) for one in payloads.files_below()]
        side_by_side(lambda pair: pair[0].copy_to(pair[1]), copies)
        (batch / MANIFEST).create((staging / MANIFEST).read_bytes())
    except (FileNotFoundError, DamagedFileError) as error:
        # Where somebody else has completed the batch meanwhile, what was staged may be gone.
        if not (batch / MANIFEST).is_file():
            raise DamagedFileError(str(staging), "files of a batch that was claimed are missing") from error
    _remove(staging)


def _remove(directory: ObjectPath) -> None:
    side_by_side(lambda path: path.unlink(missing_ok=True), directory.files_below())


def side_by_side(act: Callable[[_Item], object], items: Iterable[_Item]) -> None:
    """Do something to several objects, some of them at a time; the first error is raised."""
    with ThreadPoolExecutor(TRANSFERS, thread_name_prefix="neptune-frames-transfer") as pool:
        for _ in pool.map(act, items):
            pass
