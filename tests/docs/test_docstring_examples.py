"""Every public function has an example; that the examples run is pytest's own doctest collection of `python/`."""

from __future__ import annotations

import inspect
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


def public_functions() -> Iterator[Any]:
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield pytest.param(value, id=f"{module.__name__}.{name}")
    for cls in (neptune_fetcher.ReadOnlyProject, neptune_fetcher.ReadOnlyRun):
        yield pytest.param(cls, id=cls.__name__)
        for name, value in inspect.getmembers(cls, inspect.isfunction):
            if not name.startswith("_"):
                yield pytest.param(value, id=f"{cls.__name__}.{name}")


@pytest.mark.parametrize("function", list(public_functions()))
def test_there_is_an_example(function: Any) -> None:
    assert ">>> " in (function.__doc__ or "")
