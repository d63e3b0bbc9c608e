"""One call of neptune_query, written so that the official package and ours can both evaluate it.

A case is a line of Python, since the peers run in processes of their own and since a failing one must be
easy to repeat. `SETUP` are the names that the line may use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

LINEAGE = "synthetic/lineage"
SPEEDRUN = "nanogpt/speedrun"

SETUP = """
import datetime as dt, hashlib, os, tempfile
from pathlib import Path
import numpy as np, pandas as pd
import neptune_query as nq
import neptune_query.runs as nr
import neptune_query.experimental as ne
from neptune_query.filters import KNOWN_TYPES, Attribute, AttributeFilter, BaseAttributeFilter, Filter
from neptune_query.types import File, Histogram

UTC = dt.timezone.utc

class Text(str):
    '''Text that does not write itself as it is.'''
    def __str__(self):
        return 'Text'
    __format__ = lambda self, _: 'Text'

def outcome(call):
    '''The result of a call, or the exception that ended it.'''
    try:
        return call()
    except Exception as error:
        return error

def downloaded(module, **arguments):
    '''What download_files returns, with paths below the destination, and the digests of the files there.'''
    with tempfile.TemporaryDirectory() as directory:
        frame = module.download_files(destination=directory, **arguments)
        below = lambda cell: os.path.relpath(cell, directory) if isinstance(cell, str) else cell
        files = {str(path.relative_to(directory)): hashlib.sha1(path.read_bytes()).hexdigest()
                 for path in sorted(Path(directory).rglob('*')) if path.is_file()}
        return [[str(dtype) for dtype in frame.dtypes], frame.map(below), files]
"""


@dataclass(frozen=True)
class Case:
    """A call and, where ours deliberately answers differently, why.

    ``call`` is an expression. ``difference`` is the key of a row of `query_differences.DIFFERENCES`; without
    one, class, shape, order, dtypes and values must agree. ``name`` sorts the case into a group of test ids.
    """

    name: str
    call: str
    difference: str | None = None

    @property
    def id(self) -> str:
        """Stable as long as the call is: adding or removing others does not change it."""
        return f"{self.name}-{hashlib.sha1(self.call.encode()).hexdigest()[:8]}"


def written(function: str, **arguments: str) -> str:
    """The text of a call; each argument is Python text already."""
    return f"{function}({', '.join(f'{name}={text}' for name, text in arguments.items())})"


def cases(name: str, calls: Iterable[str], *, difference: str | None = None) -> list[Case]:
    return [Case(name, call, difference) for call in calls]
