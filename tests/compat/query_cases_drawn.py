"""Calls drawn at random, with a fixed seed, from the parts of each data set."""

from __future__ import annotations

from random import Random

from compat.query_cases import Case, written
from compat.query_cases_parts import LINEAGE_PARTS, SPEEDRUN_PARTS, Parts

SEED = 20251122

#: Calls per function and project. Lineage holds the odd cases, speedrun the size and the shape of real logs.
_DRAWS = {LINEAGE_PARTS.project: 18, SPEEDRUN_PARTS.project: 6}


def drawn_cases() -> list[Case]:
    """Every filter and every selector once, then random combinations; no call twice."""
    found: dict[str, Case] = {}
    for parts in (LINEAGE_PARTS, SPEEDRUN_PARTS):
        name = parts.project.split("/")[1]
        # A generator of its own for each project and function: what is added to one does not change another.
        for kind in ("experiments", "runs"):
            for function, draw in _FUNCTIONS.items():
                random = Random(f"{SEED} {name} {kind} {function}")
                calls = [draw(random, parts, kind) for _ in range(_DRAWS[parts.project])]
                for call in calls:
                    if call is not None:
                        found.setdefault(call, Case(f"{name}-{kind}-{function}", call))
            for call in _each_part(parts, kind):
                found.setdefault(call, Case(f"{name}-{kind}-parts", call))
    return list(found.values())


def _each_part(parts: Parts, kind: str) -> list[str]:
    """Each selector of runs in a listing, each filter too, each attribute selector in a listing."""
    calls = [_list(parts, kind, selector) for selector in getattr(parts, kind)]
    if kind == "runs":
        # Filters mean the same for both kinds; runs are the larger set to choose from.
        calls += [_list(parts, kind, selector) for selector in parts.filters]
        calls += [
            written("nr.list_attributes", project=repr(parts.project), runs="'^[a-m]'", attributes=attributes)
            for attributes in parts.attributes
        ]
    return calls


def _list(parts: Parts, kind: str, selector: str) -> str:
    return written(f"{_module(kind)}.list_{kind}", project=repr(parts.project), **{kind: selector})


def _module(kind: str) -> str:
    return "nq" if kind == "experiments" else "nr"


def _containers(random: Random, parts: Parts, kind: str) -> str:
    if random.random() < 0.4:
        return random.choice(parts.filters)
    return random.choice(getattr(parts, kind))


def _few_containers(random: Random, parts: Parts, kind: str) -> str:
    return random.choice(getattr(parts, f"small_{kind}"))


def _options(random: Random, **choices: tuple[str, ...]) -> dict[str, str]:
    """Some of the options, each with one of its values."""
    return {name: random.choice(values) for name, values in choices.items() if random.random() < 0.4}


def _draw_list_attributes(random: Random, parts: Parts, kind: str) -> str:
    return written(
        f"{_module(kind)}.list_attributes",
        project=repr(parts.project),
        **{kind: _containers(random, parts, kind)},
        attributes=random.choice(parts.attributes),
    )


def _draw_table(random: Random, parts: Parts, kind: str) -> str:
    return written(
        f"{_module(kind)}.fetch_{kind}_table",
        project=repr(parts.project),
        **{kind: _containers(random, parts, kind)},
        attributes=random.choice(parts.attributes),
        **_options(
            random,
            sort_by=parts.sort_keys,
            sort_direction=("'asc'", "'desc'"),
            limit=("1", "3", "10", "1000"),
            type_suffix_in_column_names=("True", "True", "False"),
        ),
    )


def _draw_metrics(random: Random, parts: Parts, kind: str) -> str:
    return written(
        f"{_module(kind)}.fetch_metrics",
        project=repr(parts.project),
        **{kind: _few_containers(random, parts, kind)},
        attributes=random.choice(parts.metrics),
        **_options(
            random,
            step_range=parts.step_ranges,
            tail_limit=("1", "3", "1000"),
            include_time=("'absolute'", "None"),
            lineage_to_the_root=("False", "True"),
            type_suffix_in_column_names=("True", "False"),
            include_point_previews=("True", "False"),
        ),
    )


def _draw_series(random: Random, parts: Parts, kind: str) -> str:
    return written(
        f"{_module(kind)}.fetch_series",
        project=repr(parts.project),
        **{kind: _few_containers(random, parts, kind)},
        attributes=random.choice(parts.object_series),
        **_options(
            random,
            step_range=parts.step_ranges,
            tail_limit=("1", "2", "1000"),
            include_time=("'absolute'", "None"),
            lineage_to_the_root=("False", "True"),
        ),
    )


def _draw_buckets(random: Random, parts: Parts, kind: str) -> str | None:
    if kind == "runs":
        return None  # the official package has no such function for runs
    return written(
        "nq.fetch_metric_buckets",
        project=repr(parts.project),
        experiments=_few_containers(random, parts, kind),
        y=random.choice(parts.metrics),
        limit=random.choice(("1", "2", "3", "5", "10", "100", "1000")),
        **_options(random, x=("'step'",), lineage_to_the_root=("False", "True"), include_point_previews=("True",)),
    )


_FUNCTIONS = {
    "list_attributes": _draw_list_attributes,
    "table": _draw_table,
    "fetch_metrics": _draw_metrics,
    "fetch_series": _draw_series,
    "fetch_metric_buckets": _draw_buckets,
}
