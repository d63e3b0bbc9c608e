"""`nf.plot` and `MetricsResult.plot`: honest about what is drawn, and safe with any name."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.io.plugins import register_io_source

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
    assert linear["title"]["subtitle"] == ["all 8 points drawn", "gaps: 2 values (infinite)"]
    assert [row["y"] for row in drawn(log)] == [1.0, *[None] * 5, 2.0, 3.0]
    assert log["title"]["subtitle"][1:] == ["gaps: 2 values (infinite)", "gaps: 2 values (not above 0)"]
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


def title_of(*names: str, **options: Any) -> dict[str, Any]:
    return spec(pl.concat([line([1.0], "r", name) for name in names]), **options)["title"]


def test_no_title_is_empty_since_the_subtitle_would_not_be_drawn() -> None:
    assert title_of("loss", "acc")["text"] == "acc, loss"
    assert title_of(*(f"metrics/number-{number}" for number in range(9)))["text"] == "9 attributes"
    assert title_of("loss", title="")["text"] == title_of("")["text"] == "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize("options", [{}, {"title": ""}, {"title": "mine"}])
@pytest.mark.parametrize("attributes", [["loss"], ["loss", "acc"]])
def test_a_picture_says_how_many_points_are_drawn(attributes: list[str], options: dict[str, Any]) -> None:
    vl_convert = pytest.importorskip("vl_convert")
    frame = pl.concat([line([0.0] * 400, "r", name) for name in attributes])
    picture = vl_convert.vegalite_to_svg(nf.plot(frame, points=100, **options).to_json())
    assert f"of {400 * len(attributes)} points drawn" in picture


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


def test_durations_are_drawn_as_seconds() -> None:
    since = line([1.0, 2.0]).with_columns(since=pl.duration(milliseconds=pl.col("step") * 1500))
    for unit in ("ms", "us", "ns"):
        chart = spec(since.with_columns(pl.col("since").cast(pl.Duration(unit))), x="since")
        x = lines_of(chart)["encoding"]["x"]
        assert (x["type"], x["title"]) == ("quantitative", "since (seconds)")
        assert [row["x"] for row in drawn(chart)] == [0.0, 1.5]


def test_dates_are_drawn_and_times_of_day_refused() -> None:
    frame = line([1.0, 2.0]).with_columns(day=pl.date(2026, 1, pl.col("step") + 1), hour=pl.time(pl.col("step")))
    assert [row["x"] for row in drawn(spec(frame, x="day"))] == [1_767_225_600_000, 1_767_312_000_000]
    with pytest.raises(ValueError, match="along numbers, dates or durations, and the column 'hour' holds Time"):
        nf.plot(frame, x="hour")


def test_a_wide_frame_may_have_attributes_of_any_name() -> None:
    steps = {"run": ["r", "r"], "step": [0.0, 1.0]}
    awkward = ["value", "attribute of the line", "y of the line", "x", "label"]
    wide = pl.DataFrame({**steps, **{name: [1.0, place] for place, name in enumerate(awkward)}})
    assert sorted({row["attribute"] for row in drawn(spec(wide))}) == sorted(awkward)
    for place, name in enumerate(awkward[1:], 1):
        chart = spec(wide, y=name)
        assert [(row["attribute"], row["y"]) for row in drawn(chart)] == [(name, 1.0), (name, place)]
        assert lines_of(chart)["encoding"]["y"]["title"] == chart["title"]["text"] == name
    with pytest.raises(ValueError, match="draws numbers, and the column 'note' holds String"):
        nf.plot(wide.with_columns(note=pl.lit("text")), y="note")
    with pytest.raises(ValueError, match="no column 'loss'"):
        nf.plot(wide, y="loss")


def test_a_wide_frame_of_structs_is_refused_with_the_way_out() -> None:
    at = pl.datetime(2026, 1, 1, time_zone="UTC") + pl.duration(seconds=pl.col("step"))
    frame = line([1.0, 2.0]).with_columns(timestamp=at)
    with pytest.raises(ValueError, match=r'structs.*nf\.pivot\(frame, values="value"\)'):
        nf.plot(nf.pivot(frame))
    assert len(drawn(spec(nf.pivot(frame, values="value")))) == 2


def test_lines_are_coloured_by_any_column() -> None:
    runs = {"a": 8, "b": 128, "c": 32, "d": None}
    frame = pl.concat(
        [line([1.0, 2.0], run).with_columns(width=pl.lit(width, pl.Int64)) for run, width in runs.items()]
    )
    chart = spec(frame, by="width")
    encoding = lines_of(chart)["encoding"]
    assert (encoding["color"]["field"], encoding["color"]["title"]) == ("label", "width")
    assert encoding["color"]["sort"] == ["null", "8", "32", "128"]
    assert [each["field"] for each in encoding["detail"]] == ["run", "attribute"]
    assert {(row["run"], row["label"]) for row in drawn(chart)} == {
        (run, str(width)) for run, width in runs.items()
    } - {("d", "None")} | {("d", "null")}
    assert (
        drawn(spec(frame, by="attribute"))[0]["label"] == drawn(spec(frame, by="attribute"))[0]["attribute"] == "loss"
    )
    with pytest.raises(ValueError, match=r"lines apart by the column 'tags': it holds List"):
        nf.plot(frame.with_columns(tags=pl.concat_list("run")), by="tags")
    with pytest.raises(TypeError, match=r"by must be the name of a column, got \['width'\]"):
        nf.plot(frame, by=["width"])  # type: ignore[arg-type]


def test_averages_over_runs_are_drawn_by_what_they_are_averages_of() -> None:
    frame = pl.concat([line([place, 2.0], run).with_columns(width=pl.lit(8)) for place, run in enumerate("ab")])
    means = frame.group_by("width", "attribute", "step").agg(pl.col("value").mean())
    assert [(row["label"], row["x"], row["y"]) for row in drawn(spec(means, by="width"))] == [
        ("8", 0.0, 0.5),
        ("8", 1.0, 2.0),
    ]
    wide = means.pivot("attribute", index=["width", "step"], values="value")
    assert drawn(spec(wide, by="width")) == drawn(spec(means, by="width"))
    with pytest.raises(ValueError, match=r'no column experiment or run.*\bpass by="..."'):
        nf.plot(means)


def test_a_legend_is_no_higher_than_the_plot() -> None:
    def color(labels: int) -> tuple[Any, list[str]]:
        chart = spec(pl.concat([line([1.0, 2.0], f"run-{number:03}") for number in range(labels)]), max_lines=200)
        return lines_of(chart)["encoding"]["color"]["legend"], chart["title"]["subtitle"]

    assert color(30) == ({"labelLimit": 400, "symbolLimit": 0}, ["all 60 points drawn"])
    assert color(120) == (None, ["all 240 points drawn", "colours: 120 values of run, named by tooltips"])


def test_no_more_is_read_than_shows_that_there_are_too_many_lines() -> None:
    reads = 0

    def read(columns: Any, predicate: Any, rows: Any, size: Any) -> Iterator[pl.DataFrame]:
        nonlocal reads
        for reads in range(1, 1000):
            yield line([1.0, 2.0], f"run-{reads}")

    lazy = register_io_source(read, schema=line([1.0]).schema)
    with pytest.raises(ValueError, match=r"at most 3 lines.* at least \d+ series .*pass a greater max_lines"):
        nf.plot(lazy, max_lines=3)
    assert reads < 500  # what Polars reads ahead


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
        ({"points": True}, r"points must be a number, got True \(bool\)"),
        ({"max_lines": 2.5}, "max_lines must be a whole number greater than 0, got 2.5"),
        ({"y": "attribute"}, "draws numbers, and the column 'attribute' holds String"),
        ({"x": "run"}, "draws along numbers, dates or durations, and the column 'run' holds String"),
        ({"x": "timestamp"}, "no column 'timestamp'"),
        ({"by": "width"}, "no column 'width'"),
        ({"by": "step"}, "'step' cannot both tell lines apart and be an axis"),
    ]:
        with pytest.raises(ValueError, match=message):
            nf.plot(frame, **arguments)
    nf.plot(frame, points=np.int64(100), max_lines=np.int8(6))
    with pytest.raises(TypeError, match="title must be a string or None, got 3"):
        nf.plot(frame, title=3)


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
