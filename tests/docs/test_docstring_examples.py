"""Public docstrings describe arguments, results and errors, and have an example: what ``help()`` and Shift-Tab show.

That the examples run is pytest's own doctest collection of `python/`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import neptune_fetcher
import neptune_frames
import neptune_query
from neptune_fetcher import alpha
from neptune_fetcher.alpha import runs as alpha_runs
from neptune_query import experimental, runs

MODULES = (neptune_frames, neptune_query, runs, experimental, neptune_fetcher, alpha, alpha_runs)
#: Public, but not what ``import *`` brings: the official packages do not have them.
BESIDES_ALL = (runs.fetch_metric_buckets, alpha_runs.download_files)
CLASSES = (neptune_fetcher.ReadOnlyProject, neptune_fetcher.ReadOnlyRun, neptune_frames.MetricsResult, alpha.Context)
#: Made from several arguments, and used through the methods that are checked with the rest.
WITHOUT_EXAMPLE = {neptune_frames.MetricsResult}
#: What takes its arguments as they are.
CHECKS_NOTHING = {neptune_frames.MetricsResult, alpha.Context, alpha.set_context}

_SECTION = re.compile(r"^(Args|Returns|Raises|Warns|Attributes|Example):\n((?:    .*\n|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)


def public_names() -> Iterator[Any]:
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield pytest.param(value, id=f"{module.__name__}.{name}")
    for function in BESIDES_ALL:
        yield pytest.param(function, id=f"{function.__module__}.{function.__name__}")
    for cls in CLASSES:
        yield pytest.param(cls, id=cls.__name__)
        for name, value in inspect.getmembers(cls, inspect.isfunction):
            if not name.startswith("_"):
                yield pytest.param(value, id=f"{cls.__name__}.{name}")


def sections(function: Any) -> dict[str, str]:
    return dict(_SECTION.findall((inspect.getdoc(function) or "") + "\n"))


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


every_public_name = pytest.mark.parametrize("function", list(public_names()))


@every_public_name
def test_there_is_an_example(function: Any) -> None:
    assert ">>> " in sections(function).get("Example", "") or function in WITHOUT_EXAMPLE


@every_public_name
def test_every_parameter_is_described(function: Any) -> None:
    assert _ENTRY.findall(sections(function).get("Args", "")) == parameters(function)


@every_public_name
def test_the_result_is_described(function: Any) -> None:
    is_nothing = inspect.isclass(function) or inspect.signature(function).return_annotation in (None, "None")
    assert is_nothing or "Returns" in sections(function)


@every_public_name
def test_errors_are_described(function: Any) -> None:
    """What takes arguments may refuse them."""
    assert "Raises" in sections(function) or not parameters(function) or function in CHECKS_NOTHING
