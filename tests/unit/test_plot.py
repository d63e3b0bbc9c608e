"""`nf.plot` and `MetricsResult.plot`: honest about what is drawn, and safe with any name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames.errors import MissingDependencyError

NAN, INF = float("nan"), float("inf")


def line(values: list[float | None], run: str = "r", attribute: str = "loss") -> pl.DataFrame:
    steps = [float(at) for at in range(len(values))]
    return pl.DataFrame(
        {"run": run, "attribute": attribute, "step": steps, "value": pl.Series(values, dtype=pl.Float64)}
    )


def spec(frame: pl.DataFrame | pl.LazyFrame, **options: Any) -> dict[str, Any]:
    return nf.plot(frame, **options).to_dict()


def drawn(chart: dict[str, Any]) -> list[dict[str, Any]]:
    (rows,) = chart["datasets"].values()
    return rows


def lines_of(chart: dict[str, Any]) -> dict[str, Any]:
    """The layer that draws lines, inside facets and layers."""
    chart = chart.get("spec", chart)
    return next(iter(chart.get("layer", [chart])))


def test_few_points_are_all_drawn() -> None:
    chart = spec(line([1.0, 2.0, 0.5]))
    assert chart["title"] == {"text": "loss", "anchor": "start", "subtitle": ["all 3 points drawn"]}
    assert [(row["x"], row["y"]) for row in drawn(chart)] == [(0.0, 1.0), (1.0, 2.0), (2.0, 0.5)]
    assert lines_of(chart)["mark"]["point"] is True
    encoding = lines_of(chart)["encoding"]
    assert (encoding["color"]["field"], encoding["color"]["title"]) == ("label", "run")
    assert (encoding["x"]["title"], encoding["y"]["title"]) == ("step", "loss")


def test_of_many_points_those_that_can_be_seen_are_drawn() -> None:
    values = [0.0] * 50_000
    values[12_345], values[40_000] = 7.0, -3.0
    chart = spec(line(values), points=1000)
    rows = drawn(chart)
    assert {(row["x"], row["y"]) for row in rows} >= {(12_345.0, 7.0), (40_000.0, -3.0), (0.0, 0.0), (49_999.0, 0.0)}
    assert len(rows) <= 1000
    (said,) = chart["title"]["subtitle"]
    assert said.startswith(
        f"{len(rows):,} of 50,000 points drawn: first, last, lowest and highest of each of 200 ranges"
    )
    assert lines_of(chart)["mark"]["point"] is False


def test_what_cannot_be_drawn_is_a_gap_and_said() -> None:
    frame = line([1.0, NAN, INF, -1.0, -INF, 0.0, 2.0, 3.0])
    linear, log = spec(frame), spec(frame, log=True)
    assert [row["y"] for row in drawn(linear)] == [1.0, None, None, -1.0, None, 0.0, 2.0, 3.0]
    assert linear["title"]["subtitle"] == ["all 8 points drawn", "2 values are infinite: gaps"]
    assert [row["y"] for row in drawn(log)] == [1.0, *[None] * 5, 2.0, 3.0]
    assert log["title"]["subtitle"][1:] == ["2 values are infinite: gaps", "2 values are not above 0: gaps"]
    assert lines_of(log)["encoding"]["y"]["scale"]["type"] == "log"
    assert lines_of(linear)["mark"]["invalid"] == "break-paths-show-path-domains"


def test_a_point_between_gaps_is_drawn_as_a_point() -> None:
    chart = spec(line([1.0, NAN, 5.0, NAN, 2.0, 3.0]))
    assert [row["alone"] for row in drawn(chart)] == [True, False, True, False, False, False]
    assert chart["layer"][1]["transform"] == [{"filter": "datum.alone"}]


def test_rows_without_a_value_are_no_points() -> None:
    assert [row["x"] for row in drawn(spec(line([1.0, None, 5.0])))] == [0.0, 2.0]


def test_a_panel_for_each_attribute_and_a_colour_for_each_label() -> None:
    frame = pl.concat([line([1.0, 2.0], run, name) for run in "ab" for name in ("loss", "acc")])
    chart = spec(frame, title="two by two")
    assert chart["facet"]["field"] == "attribute"
    assert chart["resolve"] == {"scale": {"y": "independent"}}
    assert chart["title"]["text"] == "two by two"
    assert {(row["label"], row["attribute"]) for row in drawn(chart)} == {(r, n) for r in "ab" for n in ("loss", "acc")}


def test_lines_of_several_projects_are_not_joined() -> None:
    frame = pl.concat([line([1.0, 2.0]).with_columns(project=pl.lit(name)) for name in "pq"])
    assert [each["field"] for each in lines_of(spec(frame))["encoding"]["detail"]] == ["project", "attribute"]
    assert [each["field"] for each in lines_of(spec(line([1.0])))["encoding"]["detail"]] == ["attribute"]


def test_wide_frames_are_drawn_too() -> None:
    frame = pl.concat([line([1.0, NAN, 2.0], run, name) for run in "ab" for name in ("loss", "acc")])
    assert drawn(spec(nf.pivot(frame))) == drawn(spec(frame))
    assert drawn(spec(nf.pivot(frame).collect().with_columns(note=pl.lit("text")))) == drawn(spec(frame))


def test_times_along_the_axis() -> None:
    at = pl.datetime(2026, 1, 1, time_zone="UTC") + pl.duration(seconds=pl.col("step"))
    chart = spec(line([1.0, 2.0]).with_columns(timestamp=at), x="timestamp")
    x = lines_of(chart)["encoding"]["x"]
    assert (x["type"], x["scale"], x["title"]) == ("temporal", {"type": "utc"}, "timestamp")
    assert [row["x"] for row in drawn(chart)] == [1_767_225_600_000, 1_767_225_601_000]


@pytest.mark.parametrize("labels", [1, 15, 40])
def test_every_line_has_a_colour(labels: int) -> None:
    chart = spec(pl.concat([line([1.0, 2.0], f"run-{number}") for number in range(labels)]))
    scheme = lines_of(chart)["encoding"]["color"]["scale"]["scheme"]
    assert scheme == {1: "tableau10", 15: "tableau20", 40: "turbo"}[labels]


def test_too_many_lines_and_nothing_to_draw() -> None:
    frame = pl.concat([line([1.0], run, name) for run in "abc" for name in ("loss", "acc")])
    with pytest.raises(ValueError, match=r"at most 5 lines, and the frame has 6 series \(3 runs, 2 attributes\)"):
        nf.plot(frame, max_lines=5)
    assert len(drawn(spec(frame, max_lines=6))) == 6
    with pytest.raises(ValueError, match="the frame has no points"):
        nf.plot(line([None]))
    for arguments, message in [
        ({"points": 0}, "points must be a whole number greater than 0, got 0"),
        ({"max_lines": 2.5}, "max_lines must be a whole number greater than 0, got 2.5"),
        ({"y": "attribute"}, "draws numbers, and the column 'attribute' holds String"),
        ({"x": "run"}, "draws along numbers or times, and the column 'run' holds String"),
        ({"x": "timestamp"}, r"no column \['timestamp'\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            nf.plot(frame, **arguments)


def test_no_name_can_leave_the_script_of_an_html_page() -> None:
    evil = "</script><script>alert(1)</script><!--"
    chart = nf.plot(line([1.0, 2.0], evil, evil).with_columns(project=pl.lit(evil)), title=evil)
    for page in (chart.to_html(), nf.plot(pl.concat([line([1.0], evil), line([1.0], "r", evil)])).to_html()):
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "</script><" not in page.replace("</script></head>", "").replace("</script>\n<", "")
        assert "<!--" not in page


def test_pages_and_specifications_are_saved(tmp_path: Path) -> None:
    chart = nf.plot(line([1.0, NAN, 2.0]))
    for ending in ("html", "json"):
        chart.save(tmp_path / f"chart.{ending}")
    assert json.loads((tmp_path / "chart.json").read_text())["title"]["subtitle"] == ["all 3 points drawn"]
    assert "all 3 points drawn" in (tmp_path / "chart.html").read_text()


@pytest.mark.slow
def test_images_are_saved(tmp_path: Path) -> None:
    chart = nf.plot(line([1.0, NAN, 2.0]))
    for ending in ("png", "svg"):
        chart.save(tmp_path / f"chart.{ending}")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert "all 3 points drawn" in (tmp_path / "chart.svg").read_text()


def test_a_result_draws_itself() -> None:
    source = MemorySource([MemoryRun("r1", "exp", series={"loss": [(0.0, 1.0, 0), (1.0, 0.5, 1000)]})])
    result = nf.fetch_metrics(project="ws/proj", experiments="", source=source, include_time="absolute")
    chart = result.plot(x="timestamp", log=True, title="mine").to_dict()
    assert chart["title"]["text"] == "mine"
    assert [(row["label"], row["y"]) for row in drawn(chart)] == [("exp", 1.0), ("exp", 0.5)]
    with pytest.raises(ValueError, match="at most 10 lines"):
        nf.plot(pl.concat([line([1.0], str(run)) for run in range(11)]), max_lines=10)


def test_without_altair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(MissingDependencyError, match=r"A chart needs altair.*pip install 'neptune-frames\[plot\]'"):
        nf.plot(line([1.0]))
