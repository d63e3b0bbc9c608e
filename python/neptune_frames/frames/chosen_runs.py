"""Which runs a call of the native API is about: a string, a filter, exact labels, or a lazy frame of them.

The drop-in packages take strings, lists and filters only, as documented, and go to `questions.Containers` themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from neptune_frames.frames.questions import Containers
from neptune_frames.query.arguments import as_list, choose_kind, shown
from neptune_frames.query.filters import Filter
from neptune_frames.query.selection import ContainerKind

if TYPE_CHECKING:
    from typing import TypeAlias

    import polars as pl

    #: What users may pass as ``experiments`` or ``runs``: an extended regular expression on names (run ids); exact
    #: names in a list or any other iterable, or in a column of a Polars frame, lazy or not; a `Filter`; None for all.
    Runs: TypeAlias = str | Iterable[str] | Filter | pl.LazyFrame | pl.DataFrame | None


_ACCEPTED = (
    "Accepted are a string (a regular expression), exact names in a list of any kind (a tuple, a set, a column), a "
    "Polars frame (lazy or not) with a column of them, and a Filter"
)


def chosen_runs(experiments: Runs, runs: Runs, *, keep_lazy: bool = False) -> Containers:
    """The experiments, or the runs, that exactly one of the two arguments chooses.

    Args:
        experiments: Whose rows go by experiment.
        runs: Whose rows go by run id.
        keep_lazy: Whether a lazy frame of labels is collected when runs are asked for, instead of now.

    Raises:
        ValueError: Neither or both are given, or a value cannot be used.
        TypeError: A label cannot be one.
        QuerySyntaxError: A regular expression is not valid RE2.
    """
    kind = choose_kind(experiments, runs)
    return runs_of(experiments if kind is ContainerKind.EXPERIMENT else runs, kind, keep_lazy=keep_lazy)


def runs_of(value: Runs, kind: ContainerKind, *, keep_lazy: bool = False) -> Containers:
    """The runs or experiments of one argument; None is all of them, an empty list none."""
    labels = _frame_of_labels(value, kind)
    if labels is not None:
        containers = Containers(kind, lazy_labels=labels)
        return containers if keep_lazy else containers.resolved()
    chosen = as_list(value)
    if isinstance(chosen, list):
        _check_names(chosen, kind)
        return Containers.of(chosen, kind, kind.plural) if chosen else Containers.none(kind)
    if chosen is not None and not isinstance(chosen, (str, Filter)):
        raise ValueError(f"{kind.plural}: got {shown(chosen)}. {_ACCEPTED}.")
    return Containers.of(chosen, kind, kind.plural)


def _check_names(names: Sequence[object], kind: ContainerKind) -> None:
    strange = [name for name in names if not isinstance(name, str)]
    if strange:
        hint = " Combine filters with & and |." if isinstance(strange[0], Filter) else ""
        raise TypeError(f"{kind.plural}: one of the names is {shown(strange[0])}. {_ACCEPTED}.{hint}")


def _frame_of_labels(value: Runs, kind: ContainerKind) -> pl.LazyFrame | None:
    """The column of labels of a Polars frame; None if it is something else."""
    if value is None or isinstance(value, (str, list)):
        return None
    import polars as pl

    if not isinstance(value, (pl.LazyFrame, pl.DataFrame)):
        return None
    lazy = value.lazy()
    schema = lazy.collect_schema()
    column = kind.value if kind.value in schema else next(iter(schema), None) if len(schema) == 1 else None
    if column is None or not (schema[column] == pl.String or isinstance(schema[column], (pl.Categorical, pl.Enum))):
        raise ValueError(
            f"{kind.plural}: a frame of labels needs a string column called {kind.value!r}, or just one string column; "
            f"the columns of this one are {dict(schema)}."
        )
    return lazy.select(pl.col(column).cast(pl.String).drop_nulls().unique(maintain_order=True))
