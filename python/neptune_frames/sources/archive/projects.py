"""The projects of an archive, kept in step with the files on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from neptune_frames.errors import ArchiveError, DamagedFileError, NeptuneProjectInaccessible, NeptuneWarning
from neptune_frames.sources.archive import cache
from neptune_frames.sources.archive.catalog import Catalog, complete
from neptune_frames.sources.archive.discovery import find_projects
from neptune_frames.sources.archive.identity import project_uuid
from neptune_frames.sources.archive.inventory import Inventory, merge
from neptune_frames.sources.archive.layout import FileState, Listing
from neptune_frames.sources.archive.object_path import Location
from neptune_frames.sources.archive.store import ProjectStore
from neptune_frames.sources.forks import require_polars
from neptune_frames.warnings import warn

#: An unfinished file of an export that is under way is younger.
_LEFT_BEHIND_SECONDS = 60

#: A project's name is not looked for beyond so many damaged parts.
_DAMAGED_PARTS = 10


class Projects:
    """All projects below one root. Thread-safe; every look compares the files with what was read."""

    def __init__(self, data: Location, files: Path | None) -> None:
        self._data = data
        self._files = files
        self._known: dict[Location, _Project] = {}
        self._lock = threading.Lock()
        self._told: set[str] = set()
        find_projects(data, files)

    def listed(self, *, complete: bool = False) -> list[ProjectEntry]:
        """All projects, by name.

        One whose name cannot be read is left out with a warning, unless the list is to be ``complete`` or it is all
        that there is: then the `ArchiveError` that says why is raised.
        """
        present = self._present()
        if complete or not present.named:
            present.check()
        for place, error in present.nameless.items():
            self._tell_once(f"{place} is left out of the projects of the archive: {error}")
        return [ProjectEntry(name, project.place, uuid) for name, uuid, project in present.named]

    def find(self, names: Iterable[str]) -> list[Catalog]:
        """The projects of these names or UUIDs, as they are now and in that order; unknown ones are left out.

        Where a name is not known, and there is a project whose name cannot be read, the reason for that is raised.
        """
        present = self._present()
        known = {name: project for name, _, project in present.named}
        known |= {uuid: project for _, uuid, project in present.named}
        asked = list(names)
        if not known.keys() >= set(asked):
            present.check()
        found = dict.fromkeys(known[name] for name in asked if name in known)
        return [project.catalog() for project in found]

    def catalog(self, name: str) -> Catalog:
        """The project as it is now. Raises `NeptuneProjectInaccessible`."""
        found = self.find([name])
        if not found:
            raise self.inaccessible(name)
        return found[0]

    def inaccessible(self, name: str) -> NeptuneProjectInaccessible:
        """The error for a project that is not there."""
        held = [entry.name for entry in self.listed()]
        return NeptuneProjectInaccessible(name, archive=str(self._data), held=held)

    def catalogs(self) -> list[Catalog]:
        """All projects as they are now, by name."""
        present = self._present()
        present.check()
        return [project.catalog() for _, _, project in present.named]

    def forget(self) -> None:
        """Drop everything that was read."""
        with self._lock:
            self._known.clear()

    def _present(self) -> _Present:
        # Here, since every question to an archive comes past; before the lock, which a fork may have left taken.
        require_polars()
        with self._lock:
            found = find_projects(self._data, self._files)
            self._known = {one.place: self._known.get(one.place) or _Project(one.open()) for one in found}
            projects = list(self._known.values())
        named: dict[str, tuple[str, str, _Project]] = {}
        nameless: dict[Location, ArchiveError] = {}
        for project in projects:
            try:
                naming = project.naming()
            except ArchiveError as error:
                nameless[project.place] = error
                continue
            if naming is None:
                continue
            first = named.setdefault(naming.name, (naming.name, naming.uuid, project))[2]
            if first is not project:
                read, copy = first.place, project.place
                self._tell_once(f"Project {naming.name!r} is in two directories: {read} is read, {copy} is left out.")
        return _Present([named[name] for name in sorted(named)], nameless)

    def _tell_once(self, message: str) -> None:
        with self._lock:
            if message in self._told:
                return
            self._told.add(message)
        warn(message, NeptuneWarning)


class ProjectEntry(NamedTuple):
    """A project in a list of them."""

    name: str
    place: Location
    uuid: str


@dataclass(frozen=True)
class _Present:
    """The projects that are there: name, UUID and project, by name. Of those in ``nameless`` no name can be read."""

    named: list[tuple[str, str, _Project]]
    nameless: dict[Location, ArchiveError]

    def check(self) -> None:
        """Raises the reason why the name of a project cannot be read, if there is such a project."""
        for error in self.nameless.values():
            raise error


class _Naming(NamedTuple):
    """The name of a project, and which part said so, as it was then."""

    name: str
    uuid: str
    part: str
    state: FileState


class _Project:
    """One project: its listing, and the inventory and catalog made from it."""

    def __init__(self, store: ProjectStore) -> None:
        self.place = store.place
        self._store = store
        self._lock = threading.Lock()
        # Apart, since the name is needed for questions about other projects too, which cannot wait for the catalog.
        self._naming_lock = threading.Lock()
        self._naming: _Naming | None = None
        self._leftovers: frozenset[str] = frozenset()
        self._listing: Listing | None = None
        self._kept: cache.Kept | None = None
        self._unsaved_bytes = 0
        self._catalog: Catalog | None = None
        self._ignored: frozenset[str] = frozenset()

    def naming(self) -> _Naming | None:
        """The project's name, as the first part that can be read and has it says; None without such a part."""
        with self._naming_lock:
            known = self._naming
            if known is None or self._store.state_of(known.part) != known.state:
                self._naming = self._read_name()
            return self._naming

    def _read_name(self) -> _Naming | None:
        damages: list[DamagedFileError] = []
        for path, state in self._current().parts.items():
            try:
                name = self._store.project_in(path)
            except DamagedFileError as error:
                # Whoever asks for this project will be told; the others need not suffer, nor wait for many of these.
                damages.append(error)
                if len(damages) == _DAMAGED_PARTS:
                    break
                continue
            if name is not None:
                return _Naming(name, project_uuid(name), path, state)
        if damages:
            raise damages[0]
        return None

    def catalog(self) -> Catalog:
        """The catalog of the files as they are now; only new and changed files are read."""
        with self._lock:
            listing = self._current()
            if self._catalog is None or listing is not self._listing:
                inventory = self._read(listing.parts)
                naming = self.naming()
                name = "" if naming is None else naming.name
                self._catalog = Catalog(name, complete(self._store.usable(inventory)), self._store)
                self._listing = listing
                self._warn_of_ignored(inventory.ignored_types)
            return self._catalog

    def _read(self, parts: Mapping[str, FileState]) -> Inventory:
        """The inventory of the part files, made from the last one or from that on disk."""
        kept = self._kept
        if kept is None and self._store.is_costly:
            kept = cache.load(self.place)
        inventory, known = (None, {}) if kept is None else (kept.inventory, kept.parts)
        changed = {path: state for path, state in parts.items() if known.get(path) != state}
        stale = {path for path, state in known.items() if parts.get(path) != state}
        if inventory is None or changed or stale:
            unchanged = [] if inventory is None else [merge([inventory], without=stale)]
            inventory = merge([*unchanged, *self._store.read_inventory(changed)])
        self._kept = cache.Kept(inventory, parts, self._store.listed_ns)
        self._unsaved_bytes += sum(state.size for state in changed.values())
        if self._store.is_costly and cache.store(self.place, self._kept, self._unsaved_bytes):
            self._unsaved_bytes = 0
        return inventory

    def _current(self) -> Listing:
        listing = self._store.look()
        known = self._leftovers.intersection(listing.interrupted)
        new = frozenset(name for name in listing.interrupted if name not in known and self._is_left_behind(name))
        self._leftovers = known | new
        self._warn_of_leftovers(new)
        return listing

    def _is_left_behind(self, name: str) -> bool:
        """Whether nobody has written to an unfinished file for a while: an export may be under way."""
        state = self._store.state_of(str(self.place / name))
        return state is not None and time.time() - state.modified_ns / 1e9 > _LEFT_BEHIND_SECONDS

    def _warn_of_ignored(self, types: frozenset[str]) -> None:
        new = sorted(types.difference(self._ignored))
        self._ignored = types
        if new:
            warn(f"Attributes of type {', '.join(new)} in {self.place} are ignored.", NeptuneWarning)

    def _warn_of_leftovers(self, new: frozenset[str]) -> None:
        if new:
            shown = ", ".join(sorted(new)[:5]) + (" ..." if len(new) > 5 else "")
            warn(
                f"{self.place} holds leftovers of an unfinished export, which are ignored: {shown}. "
                "Export those runs again.",
                NeptuneWarning,
            )
