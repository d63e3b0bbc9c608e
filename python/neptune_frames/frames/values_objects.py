"""Arrow columns of sets, files and histograms as the Python objects the documented frames hold.

Whole columns turn into lists first; then one pass constructs the objects.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.selection import ContainerKind
from neptune_frames.slices import offsets_of
from neptune_frames.types import File, Histogram


def object_array(objects: Iterable[Any], length: int) -> npt.NDArray[np.object_]:
    """Objects as an array of one dimension, whatever they are (sequences too)."""
    array = np.empty(length, dtype=object)
    with _collector_paused():
        array[:] = list(objects)
    return array


@contextmanager
def _collector_paused() -> Iterator[None]:
    """While many objects are made, the cyclic collector would look through all of them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def sets(column: pa.Array) -> npt.NDArray[np.object_]:
    """A list column as Python sets, none shared; a null list becomes an empty set.

    Few different sets usually fill a column: each is built once, and then copied.
    """
    column = pa.concat_arrays([column])  # lists that start at offset 0, without slack
    codes = column.flatten().dictionary_encode().indices.cast(pa.string())
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(offsets_of(lengths), pa.int32())
    keys = pc.binary_join(pa.ListArray.from_arrays(offsets, codes), ",").dictionary_encode()
    places = keys.indices.to_numpy(zero_copy_only=False)
    examples = np.empty(len(keys.dictionary), dtype=np.int64)
    examples[places] = np.arange(len(places))
    distinct = np.empty(len(examples), dtype=object)
    distinct[:] = [set(texts or ()) for texts in column.take(pa.array(examples)).to_pylist()]
    return object_array(map(set.copy, distinct[places].tolist()), len(column))


def histograms(column: pa.Array) -> npt.NDArray[np.object_]:
    """A HISTOGRAM column as `Histogram` objects (without regard to null)."""
    types = pc.fill_null(column.field("type"), "")
    return object_array(
        map(Histogram, _shared_texts(types), *(_float_lists(column.field(name)) for name in ("edges", "values"))),
        len(column),
    )


def files(
    column: pa.Array,
    *,
    kind: ContainerKind,
    projects: Sequence[str],
    labels: Sequence[str],
    attributes: Sequence[str],
    steps: Sequence[float | None],
) -> npt.NDArray[np.object_]:
    """A FILE column as `File` objects (without regard to null); the other sequences have one item per row.

    ``labels`` are experiment names or custom run ids, as ``kind`` says.
    """
    nothing = [None] * len(column)
    experiments, run_ids = (labels, nothing) if kind is ContainerKind.EXPERIMENT else (nothing, labels)
    return object_array(
        map(
            File,
            projects,
            experiments,
            run_ids,
            attributes,
            steps,
            pc.fill_null(column.field("path"), "").to_pylist(),
            pc.fill_null(column.field("size_bytes"), 0).to_pylist(),
            _shared_texts(pc.fill_null(column.field("mime_type"), "")),
        ),
        len(column),
    )


def _shared_texts(column: pa.Array) -> list[str]:
    """Texts as Python strings, equal ones shared."""
    encoded = column.dictionary_encode()
    texts = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    return texts[encoded.indices.to_numpy(zero_copy_only=False)].tolist()  # type: ignore[no-any-return]


def _float_lists(column: pa.Array) -> list[list[float]]:
    numbers = column.flatten().to_pylist()
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    return [numbers[start:end] for start, end in pairwise(offsets_of(lengths).tolist())]
