"""The archive source on the shared data sets: what DATASETS.md and expected.json say of them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from neptune_fetcher import ReadOnlyProject
from neptune_frames.errors import NeptuneWarning
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.expressions import And, Comparison, Exists, Expression, Operand
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
    SortKey,
)
from neptune_frames.sources.archive import ArchiveSource, projects
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.remote import RemoteSource

LINEAGE = "synthetic/lineage"
SPEEDRUN = "nanogpt/speedrun"
EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
FORKED = ("alpha-restart", "alpha-restart-2", "deep-3", "alpha-branch", "alpha-early", "alpha-late", "alpha-empty",
          "zero-fork", "orphan", "gap-fork", "type-change", "int-fork-step", "child-of-trashed")  # fmt: skip


@pytest.fixture(scope="module")
def lineage(shared_data: Path) -> ArchiveSource:
    source = ArchiveSource(shared_data / "lineage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NeptuneWarning)
        source.projects()
        runs_of(source, LINEAGE)
    return source


@pytest.fixture(scope="module")
def speedrun(shared_data: Path) -> ArchiveSource:
    return ArchiveSource(shared_data / "speedrun-small")


@pytest.fixture(scope="module")
def expected(shared_data: Path) -> dict[str, Any]:
    return json.loads((shared_data / "lineage" / "expected.json").read_text())


def runs_of(
    source: ArchiveSource, project: str, filter_: Expression | None = None, kind: ContainerKind = ContainerKind.RUN
) -> pa.Table:
    return source.search(RunQuery(project, kind, filter_)).runs


def values_by_type(
    source: ArchiveSource, runs: pa.Table, selector: AttributeSelector = EVERYTHING
) -> dict[str, pa.Table]:
    found: dict[str, list[pa.RecordBatch]] = {}
    for kind, batch in source.values(runs, selector):
        found.setdefault(kind, []).append(batch)
    return {kind: pa.Table.from_batches(batches) for kind, batches in found.items()}


def points_of(
    source: ArchiveSource, runs: pa.Table, names: list[str], options: SeriesOptions | None = None, objects: bool = False
) -> dict[tuple[str, str], list[tuple[float, Any]]]:
    """Points by (run id, attribute), through the columns of the batches."""
    keys = SeriesKeys(runs, pa.array(names, pa.string()))
    read = source.object_points if objects else source.float_points
    found: dict[tuple[str, str], list[tuple[float, Any]]] = {}
    for batch in read(keys, options or SeriesOptions()):
        for run, attribute, points in zip(*(batch[name].to_pylist() for name in batch.schema.names), strict=True):
            key = (runs["run_id"][run].as_py(), names[attribute])
            pairs = [(p["step"], p.get("string") if objects else p["value"]) for p in points]
            found.setdefault(key, []).extend(pairs)
    return found


def all_names(source: ArchiveSource, project: str) -> list[str]:
    return pc.unique(source.definitions([project], None, EVERYTHING)["attribute"]).to_pylist()


class TestLineage:
    def test_leftovers_are_named_once_and_are_no_runs(
        self, shared_data: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(projects, "_LEFT_BEHIND_SECONDS", -1)  # the data set may have been copied just now
        source = ArchiveSource(shared_data / "lineage")
        with pytest.warns(NeptuneWarning, match="interrupted-no-part-0"):
            runs = runs_of(source, LINEAGE)
        assert sorted(runs["run_id"].to_pylist()) == sorted(expected["runs"])
        runs_of(source, LINEAGE)  # warnings are errors in this suite: no second one

    @pytest.mark.parametrize("served", [False, True])
    def test_the_fetcher_lists_every_run_that_is_not_trashed(
        self, request: pytest.FixtureRequest, lineage: ArchiveSource, expected: dict[str, Any], served: bool
    ) -> None:
        source = RemoteSource(request.getfixturevalue("data_server").api_token) if served else lineage
        listed = [run["sys/custom_run_id"] for run in ReadOnlyProject(LINEAGE, source=source).list_runs()]
        if served:
            source.close()
        assert sorted(listed) == sorted(run_id for run_id, run in expected["runs"].items() if not run["trashed"])
        assert len(listed) == 38
        assert "metrics-only" in listed

    def test_identities(self, lineage: ArchiveSource, expected: dict[str, Any]) -> None:
        for run in runs_of(lineage, LINEAGE).to_pylist():
            truth = expected["runs"][run["run_id"]]
            assert run["sys_id"] == (truth["sys_id"] or run["run_id"])
            assert run["experiment"] == truth["experiment"]

    def test_heads(self, lineage: ArchiveSource, expected: dict[str, Any]) -> None:
        heads = runs_of(lineage, LINEAGE, kind=ContainerKind.EXPERIMENT)
        found = dict(zip(heads["experiment"].to_pylist(), heads["run_id"].to_pylist(), strict=True))
        assert found == expected["experiment_heads"]
        assert heads.num_rows == 28

    @pytest.mark.parametrize("run_id", FORKED)
    def test_full_lineage(self, lineage: ArchiveSource, expected: dict[str, Any], run_id: str) -> None:
        truth = expected["runs"][run_id]
        run = runs_of(lineage, LINEAGE, Comparison(Operand("sys/custom_run_id", "string"), "==", run_id))
        names = all_names(lineage, LINEAGE)
        for kind, objects in (("lineage", False), ("text_lineage", True)):
            found = points_of(lineage, run, names, objects=objects)
            wanted = {
                (run_id, name): [(float(step), float(v) if kind == "lineage" else v) for step, v in points]
                for name, points in truth.get(kind, {}).items()
                if points
            }
            assert found == wanted

    def test_forked_runs_inherit_attributes(self, lineage: ArchiveSource, expected: dict[str, Any]) -> None:
        for run_id in FORKED:
            run = runs_of(lineage, LINEAGE, Comparison(Operand("sys/custom_run_id", "string"), "==", run_id))
            series = AttributeSelector((AttributeAlternative(("float_series",)),))
            defined = lineage.definitions([LINEAGE], run, series)["attribute"].to_pylist()
            truth = expected["runs"][run_id]["lineage"]
            assert defined == sorted(name for name, points in truth.items() if points)
            summaries = values_by_type(lineage, run, series)["float_series"].to_pylist()
            assert [row["attribute"] for row in summaries] == defined
            for row in summaries:
                steps, values = zip(*truth[row["attribute"]], strict=True)
                assert row["value"] == values[-1]
                assert row["last_step"] == float(steps[-1])
                assert row["min"] == min(values)
                assert row["max"] == max(values)
                assert row["average"] == pytest.approx(np.mean(values), rel=1e-12)
                assert row["variance"] == pytest.approx(np.var(values), rel=1e-9, abs=1e-15)

    def test_own_points_only(self, lineage: ArchiveSource, expected: dict[str, Any]) -> None:
        runs, names = runs_of(lineage, LINEAGE), all_names(lineage, LINEAGE)
        found = points_of(lineage, runs, names, SeriesOptions(lineage=False))
        counts: dict[str, int] = {}
        for (run_id, _), points in found.items():
            counts[run_id] = counts.get(run_id, 0) + len(points)
        for run_id, truth in expected["runs"].items():
            repeated = 2 if run_id == "steps-rounded" else 0  # three rows of one step are one point
            assert counts.get(run_id, 0) == truth["own_points"] - repeated

    def test_points_within_the_experiment(self, lineage: ArchiveSource) -> None:
        heads = runs_of(lineage, LINEAGE, kind=ContainerKind.EXPERIMENT)
        options = SeriesOptions(kind=ContainerKind.EXPERIMENT, lineage=False)
        found = points_of(lineage, heads, ["loss"], options)
        assert len(found["alpha-restart-2", "loss"]) == 121  # root, restart and itself carry the name
        assert [step for step, _ in found["deep-3", "loss"]] == [91, 92, 93, 94, 95]
        assert ("alpha-empty", "loss") not in found

    def test_step_range_then_tail(self, lineage: ArchiveSource) -> None:
        runs = runs_of(lineage, LINEAGE, Comparison(Operand("sys/custom_run_id", "string"), "==", "alpha-branch"))
        inside = points_of(lineage, runs, ["loss"], SeriesOptions(step_range=(54.0, 56.0)))["alpha-branch", "loss"]
        assert [step for step, _ in inside] == [54, 55, 55.75, 56]
        tail = points_of(lineage, runs, ["loss"], SeriesOptions(step_range=(None, 56.0), tail_limit=3))
        assert [step for step, _ in tail["alpha-branch", "loss"]] == [55, 55.75, 56]

    def test_odd_steps_and_values(self, lineage: ArchiveSource) -> None:
        runs, names = runs_of(lineage, LINEAGE), all_names(lineage, LINEAGE)
        found = points_of(lineage, runs, names)
        rounded = [points for (run, _), points in found.items() if run == "steps-rounded"]
        assert [[step for step, _ in points] for points in rounded] == [[0.0, *[s for s, _ in rounded[0][1:]]]]
        assert len(rounded[0]) == 2
        odd = {step for (run, _), points in found.items() if run == "steps-odd" for step, _ in points}
        assert {0.1, 0.2, 0.3, 1e-6, 999999999999.999999} <= odd
        assert min(odd) < 0
        for name in ("nan/as_null", "nan/as_nan", "nan/only"):
            assert any(value != value for _, value in found["values-odd", name])
        values = {value for (run, _), points in found.items() if run == "values-odd" for _, value in points}
        assert {5e-324, 1.7976931348623157e308, float("inf"), float("-inf")} <= values

    def test_parameters_outside_sys(self, lineage: ArchiveSource, expected: dict[str, Any]) -> None:
        runs = runs_of(lineage, LINEAGE)
        own: dict[str, dict[str, int]] = {run: {} for run in expected["runs"]}
        for kind, table in values_by_type(lineage, runs).items():
            if kind.endswith("_series"):
                continue
            for row in table.select(["run", "attribute"]).to_pylist():
                if not row["attribute"].startswith("sys/"):
                    counts = own[runs["run_id"][row["run"]].as_py()]
                    counts[kind] = counts.get(kind, 0) + 1
        for run_id, truth in expected["runs"].items():
            wanted = {k: n for k, n in truth["attributes_outside_sys"].items() if not k.endswith("_series")}
            assert own[run_id] == wanted, run_id

    def test_nan_parameters(self, lineage: ArchiveSource) -> None:
        runs = runs_of(lineage, LINEAGE, Comparison(Operand("sys/custom_run_id", "string"), "==", "values-odd"))
        floats = {row["attribute"]: row["value"] for row in values_by_type(lineage, runs)["float"].to_pylist()}
        assert "float_nan_lost" not in floats
        assert floats["float_nan_kept"] != floats["float_nan_kept"]

    def test_series_of_files_and_histograms(self, lineage: ArchiveSource) -> None:
        runs = runs_of(lineage, LINEAGE)
        values = values_by_type(lineage, runs)
        files = {r["value"]["path"]: r["value"] for r in values["file"].to_pylist()}
        assert files["files/lost/payload_txt.txt"]["size_bytes"] == 0
        assert files["_/leading/slash_txt.txt"]["size_bytes"] == 25
        assert all(value["mime_type"] for value in files.values())
        images = [r for r in values["file_series"].to_pylist() if r["attribute"] == "images/sample"]
        assert images[0]["last_step"] == 10.0
        assert images[0]["value"]["mime_type"] == "image/png"
        assert images[0]["value"]["size_bytes"] == 67
        assert all(
            len(r["value"]["edges"]) == len(r["value"]["values"]) + 1 for r in values["histogram_series"].to_pylist()
        )

    def test_lookup_by_every_identifier(self, lineage: ArchiveSource) -> None:
        runs = runs_of(lineage, LINEAGE)
        uuids = lineage.run_uuids(runs).to_pylist()
        assert len(set(uuids)) == runs.num_rows
        identifiers = [
            *(f"{LINEAGE}/{sys_id}" for sys_id in runs["sys_id"].to_pylist()),
            *(f"CUSTOM/{LINEAGE}/{run_id}" for run_id in runs["run_id"].to_pylist()),
            *uuids,
            f"{LINEAGE}/LIN-0", "CUSTOM/no/project/x", "nonsense", "",
        ]  # fmt: skip
        found = lineage.find_runs(identifiers)
        names = [None if at < 0 else found.runs["run_id"][at].as_py() for at in found.positions.tolist()]
        assert names == [*(runs["run_id"].to_pylist() * 3), None, None, None, None]
        assert found.runs.num_rows == runs.num_rows


class TestSpeedrun:
    def test_counts(self, speedrun: ArchiveSource) -> None:
        runs = runs_of(speedrun, SPEEDRUN)
        assert runs.num_rows == 120
        values = values_by_type(speedrun, runs)
        assert {kind: table.num_rows for kind, table in values.items()} == {
            "bool": 897, "datetime": 454, "float": 1272, "int": 3339, "string": 1987, "string_set": 240,
            "float_series": 667, "string_series": 14, "histogram_series": 20, "file": 40, "file_series": 6,
        }  # fmt: skip
        paths = {kind: len(pc.unique(table["attribute"].cast(pa.string()))) for kind, table in values.items()}
        assert paths == {
            "bool": 27, "datetime": 4, "float": 142, "int": 156, "string": 70, "string_set": 2,
            "float_series": 85, "string_series": 2, "histogram_series": 1, "file": 2, "file_series": 2,
        }  # fmt: skip

    def test_points(self, speedrun: ArchiveSource) -> None:
        runs, names = runs_of(speedrun, SPEEDRUN), all_names(speedrun, SPEEDRUN)
        keys = SeriesKeys(runs, pa.array(names))
        batches = list(speedrun.float_points(keys, SeriesOptions(include_time=True)))
        values = pa.concat_arrays([batch["points"].values for batch in batches])
        assert len(values) == 597_100
        assert int(np.isnan(values.field("value").to_numpy()).sum()) == 301
        assert values.field("step").to_numpy().max() == 60000
        objects = list(speedrun.object_points(keys, SeriesOptions()))
        texts = sum(len(b["points"].values) - b["points"].values.field("string").null_count for b in objects)
        assert texts == 2464
        assert sum(b["points"].values.field("histogram").is_valid().true_count for b in objects) == 531
        assert sum(b["points"].values.field("file").is_valid().true_count for b in objects) == 35

    def test_a_run_in_detail(self, speedrun: ArchiveSource) -> None:
        run_id = "1d3bd93b-a69e-4118-aeb8-8184239d7566"
        run = speedrun.resolve_custom_ids(SPEEDRUN, [run_id])
        assert run.to_pylist() == [
            {"project": SPEEDRUN, "sys_id": "NSR-199", "run_id": run_id, "experiment": "2025-01-16_Sub3Min/1d3bd93b"}
        ]
        points = points_of(speedrun, run, ["val/loss", "train/time_ms", "train/step_avg_ms"])
        losses = points[run_id, "val/loss"]
        assert len(losses) == 13
        assert losses[:2] == [(0.0, 10.8258), (125.0, 4.4043)]
        assert losses[-1] == (1393.0, 3.2785)
        assert len(points[run_id, "train/time_ms"]) == 1394
        assert points[run_id, "train/time_ms"][-1][1] == 179392.0
        assert sum(value != value for _, value in points[run_id, "train/step_avg_ms"]) == 13

    def test_summaries_agree_with_the_points(self, speedrun: ArchiveSource) -> None:
        runs = runs_of(speedrun, SPEEDRUN)
        selector = AttributeSelector(
            (AttributeAlternative(("float_series",), names=("val/loss", "train/step_avg_ms")),)
        )
        points = points_of(speedrun, runs, ["val/loss", "train/step_avg_ms"])
        rows = values_by_type(speedrun, runs, selector)["float_series"].to_pylist()
        assert len(rows) == len(points)
        for row in rows:
            series = points[runs["run_id"][row["run"]].as_py(), row["attribute"]]
            values = np.array([value for _, value in series])
            numbers = values[~np.isnan(values)]
            assert (row["value"] == values[-1]) or (np.isnan(row["value"]) and np.isnan(values[-1]))
            assert row["last_step"] == series[-1][0]
            assert (row["min"], row["max"]) == (numbers.min(), numbers.max())
            assert row["average"] == pytest.approx(numbers.mean(), rel=1e-12)
            assert row["variance"] == pytest.approx(numbers.var(), rel=1e-9)

    @pytest.mark.parametrize(
        ("condition", "count"),
        [
            (Comparison(Operand("result/below_3_28", "bool"), "==", "True"), 104),
            (Exists(Operand("train/time_ms", "float_series")), 117),
            (Exists(Operand("train/loss", "float_series")), 13),
            (Exists(Operand("optimizer/optimizer1/weight_decay", "int")), 29),
            (Exists(Operand("optimizer/optimizer1/weight_decay", "float")), 31),
            (Exists(Operand("config/num_iterations", "int")), 56),
            (Comparison(Operand("env/gpu_name", "string"), "==", "NVIDIA H100 80GB HBM3"), 96),
            (Comparison(Operand("sys/archived", "bool"), "==", "true"), 2),
            (Exists(Operand("logs/stdout", "string_series")), 13),
            (Comparison(Operand("val/loss", "float_series", "min"), "<", "2.7673"), 1),
        ],
    )
    def test_documented_facts_as_filters(self, speedrun: ArchiveSource, condition: Expression, count: int) -> None:
        assert runs_of(speedrun, SPEEDRUN, condition).num_rows == count

    def test_order_and_pages(self, speedrun: ArchiveSource) -> None:
        by_loss = SortKey("val/loss", "float_series", descending=False, aggregation="min")
        query = RunQuery(SPEEDRUN, ContainerKind.RUN, None, by_loss)
        answer = speedrun.search(query, ["val/loss", "sys/creation_time"])
        assert answer.runs["run_id"][0].as_py() == "c0078066-c8c9-49c8-868a-ff4d4f32e615"
        rows = sorted(answer.values["float_series"].to_pylist(), key=lambda row: row["run"])
        minima = [row["min"] for row in rows]
        assert len(minima) == 120
        assert minima == sorted(minima)
        pages = [
            speedrun.search(RunQuery(SPEEDRUN, ContainerKind.RUN, None, by_loss, limit=50, offset=start))
            for start in (0, 50, 100, 150)
        ]
        assert [page.runs.num_rows for page in pages] == [50, 50, 20, 0]
        assert {page.total for page in pages} == {120}
        assert pa.concat_tables([page.runs for page in pages]).equals(answer.runs)
        assert speedrun.search(RunQuery(SPEEDRUN, ContainerKind.RUN, limit=0)).runs.num_rows == 0
        newest = speedrun.search(RunQuery(SPEEDRUN, ContainerKind.RUN), ["sys/creation_time"]).values["datetime"]
        times = [row["value"] for row in sorted(newest.to_pylist(), key=lambda row: row["run"])]
        assert times == sorted(times, reverse=True)

    def test_conditions_join(self, speedrun: ArchiveSource) -> None:
        both = And(
            (
                Comparison(Operand("result/below_3_28", "bool"), "==", "True"),
                Comparison(Operand("env/gpu_name", "string"), "==", "NVIDIA H100 80GB HBM3"),
            )
        )
        heads = runs_of(speedrun, SPEEDRUN, both, ContainerKind.EXPERIMENT)["sys_id"].to_pylist()
        singly = [set(runs_of(speedrun, SPEEDRUN, one)["sys_id"].to_pylist()) for one in both.operands]
        everyone = set(runs_of(speedrun, SPEEDRUN, kind=ContainerKind.EXPERIMENT)["sys_id"].to_pylist())
        assert len(everyone) == 86
        assert set(heads) == singly[0] & singly[1] & everyone

    def test_every_payload_is_found(self, speedrun: ArchiveSource) -> None:
        runs = runs_of(speedrun, SPEEDRUN)
        files = [row["value"] for row in values_by_type(speedrun, runs)["file"].to_pylist()]
        assert all(file["size_bytes"] for file in files)
        assert all(speedrun.payload(SPEEDRUN, file["path"]) is not None for file in files)
