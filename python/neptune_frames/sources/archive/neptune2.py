"""The attribute types that only exports of Neptune 2.x have, as files (neptune-export-format 12).

An ``artifact`` is the list of its files, a JSON text. A ``file_set`` is a directory of payloads: with one
file in it, which is how a server hands a file set out (``files.zip``), the attribute is that file; with
loose files each is an attribute of its own, ``<file set>/<path in it>``; with none the attribute is a
file whose payload is missing. Payloads are listed when the catalog is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from neptune_frames.sources.archive.inventory import Inventory, merge
from neptune_frames.sources.archive.layout import FILE_SET, NEPTUNE2_COLUMNS
from neptune_frames.sources.archive.payloads import locate_directory


def without_neptune2_types(inventory: Inventory, payloads: Path) -> Inventory:
    """The inventory with files instead of file sets and artifacts; the same object where there are none."""
    found = {kind: inventory.tables[kind] for kind in NEPTUNE2_COLUMNS if kind in inventory.tables}
    if not found:
        return inventory
    rows = pl.concat(list(found.values()))
    rows = rows.with_columns(attribute=inventory.attributes.gather(rows["attribute"]))
    artifacts = rows.tail(rows.height - found[FILE_SET].height) if FILE_SET in found else rows
    files = pl.concat([_files_of_sets(rows.head(rows.height - artifacts.height), payloads), artifacts])
    names = files["attribute"].unique().sort()
    table = files.with_columns(attribute=names.search_sorted(files["attribute"]).cast(pl.Int32))
    kept = {kind: table for kind, table in inventory.tables.items() if kind not in found}
    added = Inventory(None, inventory.files, inventory.runs, names, inventory.owners.clear(), {"file": table})
    merged = merge([replace(inventory, tables=kept), added])
    # A file that is an attribute already stays what it is.
    once = merged.tables["file"].unique(["attribute", "run"], keep="first", maintain_order=True)
    return replace(merged, tables={**merged.tables, "file": once})


def _files_of_sets(sets: pl.DataFrame, payloads: Path) -> pl.DataFrame:
    """A row for each file of each set, with the names of attributes and paths of payloads."""
    members = [sorted(_files_below(payloads, path)) for path in sets["value"]]
    listed = sets.with_columns(member=pl.Series(members, dtype=pl.List(pl.String)))
    alone = pl.col("member").list.len() == 1
    inner = pl.col("member").list.len() > 1
    return (
        listed.with_columns(alone=alone, inner=inner)
        .explode("member", empty_as_null=True)
        .with_columns(
            attribute=pl.when("inner").then(pl.concat_str("attribute", "member", separator="/")).otherwise("attribute"),
            value=pl.when(pl.col("inner") | pl.col("alone"))
            .then(pl.concat_str(pl.col("value").str.strip_chars_end("/"), "member", separator="/"))
            .otherwise("value"),
        )
        .select(sets.columns)
    )


def _files_below(root: Path, path: str) -> Iterator[str]:
    """The files in a directory of payloads, relative to it, with ``/``; none where it is missing or outside."""
    directory = locate_directory(root, path)
    if directory is None:
        return
    for parent, _, names in os.walk(directory):
        for name in names:
            yield (Path(parent) / name).relative_to(directory).as_posix()
