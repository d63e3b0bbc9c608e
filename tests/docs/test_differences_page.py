"""Each row of docs/differences.md names a test that exists, and each difference of the matrices has a row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compat import fetcher_differences, query_differences

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    line.strip().strip("|").split(" | ")
    for line in (ROOT / "docs" / "differences.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| |", "| ---", "| **"))
]
NAMES = {*query_differences.DIFFERENCES, *fetcher_differences.DIFFERENCES}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_row_names_its_tests(row: list[str]) -> None:
    assert len(row) == 4
    pins = re.findall(r"`([^`]+)`", row[-1])
    assert pins
    assert [pin for pin in pins if pin not in NAMES and not (ROOT / pin).is_file()] == []


def test_every_difference_has_a_row() -> None:
    pinned = {pin for row in ROWS for pin in re.findall(r"`([^`]+)`", row[-1])}
    assert sorted(NAMES - pinned) == []
