"""What `pyproject.toml` asks for exists on every Python it promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

_PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

#: The last releases for Python 3.10; what comes after them needs a newer one.
_LAST_FOR_3_10 = {"polars": "2.0.0", "obstore": "0.11.1", "pandas": "2.3.3", "numpy": "2.2.6", "matplotlib": "3.10.9"}


def requirements() -> dict[str, Requirement]:
    # Read without tomllib, which Python 3.10 lacks.
    texts = re.findall(r'"([a-z][a-z0-9-]*(?:\[[a-z]+\])?>=[0-9.]+)"', _PYPROJECT.read_text())
    return {requirement.name: requirement for requirement in map(Requirement, texts)}


@pytest.mark.parametrize("package", list(_LAST_FOR_3_10))
def test_python_3_10_has_a_release_of_each(package: str) -> None:
    assert 'requires-python = ">=3.10"' in _PYPROJECT.read_text()
    assert requirements()[package].specifier.contains(_LAST_FOR_3_10[package])
