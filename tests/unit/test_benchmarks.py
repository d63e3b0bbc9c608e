"""Benchmarks fail where what they measure is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("checksum", "status"), [("same", 0), ("other", 1)])
def test_results_that_differ_fail_the_comparison(
    checksum: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import compare

    pair = compare.Measurement(2.0, 2.0, 100.0, "same"), compare.Measurement(1.0, 1.0, 50.0, checksum)
    monkeypatch.setattr(compare, "OFFICIAL", {})
    monkeypatch.setattr(compare, "compare", lambda *_: pair)
    monkeypatch.setattr(sys, "argv", ["compare", "one-series"])
    assert compare.main() == status
    assert ("DIFFER same other" in capsys.readouterr().out) == bool(status)
