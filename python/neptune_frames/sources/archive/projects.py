"""The projects of an archive, kept in step with the files on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from neptune_frames.errors import DamagedFileError, NeptuneProjectInaccessible, NeptuneWarning
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


class Projects:
    """All projects below one root. Thread-safe; every look compares the files with what was read."""

    def __init__(self, data: Location, files: Path | None) -> None:
        self._data = data
        self._files = files
        self._known: dict[Location, _Project] = {}
        self._lock = threading.Lock()
        self._copies: set[Location] = set()
        find_projects(data, files)

    def directories(self) -> dict[str, Location]:
        """Project names, sorted, with the directories of their data."""
        return {project.name: project.place for project in self._present()}

    def find(self, names: Iterable[str]) -> list[Catalog]:
        """The projects of these names or UUIDs, as they are now and in that order; unknown ones are left out."""
        present = {}
        for project in self._present():
            present[project.name] = present[project_uuid(project.name)] = project
        found = {present[name].name: present[name] for name in names if name in present}
        return [project.catalog() for project in found.values()]

    def catalog(self, name: str) -> Catalog:
        """The project as it is now. Raises `NeptuneProjectInaccessible`."""
        found = self.find([name])
        if not found:
            raise self.inaccessible(name)
        return found[0]

    def inaccessible(self, name: str) -> NeptuneProjectInaccessible:
        """The error for a project that is not there."""
        return NeptuneProjectInaccessible(name, archive=str(self._data), held=list(self.directories()))

    def catalogs(self) -> list[Catalog]:
        """All projects as they are now, by name."""
        return [project.catalog() for project in self._present()]

    def forget(self) -> None:
        """Drop everything that was read."""
        with self._lock:
            self._known.clear()

    def _present(self) -> list[_NamedProject]:
        # Here, since every question to an archive comes past; before the lock, which a fork may have left taken.
        require_polars()
        with self._lock:
            found = find_projects(self._data, self._files)
            self._known = {one.place: self._known.get(one.place) or _Project(one.open()) for one in found}
            projects = list(self._known.values())
        named: dict[str, _NamedProject] = {}
        for project in projects:
            name = project.name()
            if name is None:
                continue
            if name in named:
                self._warn_of_copy(name, project.place, named[name].place)
                continue
            named[name] = _NamedProject(name, project)
        return [named[name] for name in sorted(named)]

    def _warn_of_copy(self, name: str, copy: Location, read: Location) -> None:
        with self._lock:
            if copy in self._copies:
                return
            self._copies.add(copy)
        warn(f"Project {name!r} is in two directories: {read} is read, {copy} is left out.", NeptuneWarning)


class _NamedProject:
    def __init__(self, name: str, project: _Project) -> None:
        self.name = name
        self.place = project.place
        self.catalog = project.catalog


class _Project:
    """One project: its listing, and the inventory and catalog made from it."""

    def __init__(self, store: ProjectStore) -> None:
        self.place = store.place
        self._store = store
        self._lock = threading.RLock()
        self._leftovers: frozenset[str] = frozenset()
        self._listing: Listing | None = None
        self._kept: cache.Kept | None = None
        self._unsaved_bytes = 0
        self._catalog: Catalog | None = None
        self._ignored: frozenset[str] = frozenset()
        self._name: str | None = None
        self._named_by: tuple[str, FileState] | None = None

    def name(self) -> str | None:
        """The project's name, as the first part that can be read and has it says; None without such a part."""
        with self._lock:
            if self._named_by is not None and self._store.state_of(self._named_by[0]) == self._named_by[1]:
                return self._name
            self._name, self._named_by = None, None
            damage: DamagedFileError | None = None
            for path, state in self._current().parts.items():
                try:
                    name = self._store.project_in(path)
                except DamagedFileError as error:
                    # Whoever asks for this project will be told; the others need not suffer.
                    damage = damage or error
                    continue
                if name is not None:
                    self._name, self._named_by = name, (path, state)
                    return self._name
            if damage is not None:
                raise damage
            return None

    def catalog(self) -> Catalog:
        """The catalog of the files as they are now; only new and changed files are read."""
        with self._lock:
            listing = self._current()
            if self._catalog is None or listing is not self._listing:
                inventory = self._read(listing.parts)
                self._catalog = Catalog(self.name() or "", complete(self._store.usable(inventory)), self._store)
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
        leftovers = frozenset(listing.interrupted)
        self._warn_of_leftovers(leftovers - self._leftovers)
        self._leftovers = leftovers
        return listing

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
