"""The native face: selectors, checks before any question, and how few questions are asked."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import neptune_frames as nf
from archive_layout_small import write_small_run
from memory_source import MemoryRun, MemorySource
from neptune_fetcher.alpha.filters import Filter as AlphaFilter
from neptune_frames.errors import ArchiveError
from neptune_frames.frames.chosen_runs import runs_of
from neptune_frames.frames.questions import list_attributes
from neptune_frames.query.attribute_filters import AttributeFilter
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind
from neptune_frames.sources.public_call import current_call


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(
        [
            MemoryRun("r1", "exp-a", {"config/lr": ("float", 0.1)}, {"loss": [(1.0, 0.5)], "acc": [(1.0, 0.1)]}),
            MemoryRun("r2", "exp-b", {"config/lr": ("float", 0.2)}, {"loss": [(1.0, 0.4), (2.0, 0.3)]}),
            MemoryRun("r3", "exp-b", {"config/lr": ("float", 0.3)}, {"loss": [(5.0, 0.9)]}, is_head=False),
        ]
    )


def ask(function: str, source: MemorySource, **arguments: object) -> object:
    return getattr(nf, function)(project="ws/proj", source=source, **arguments)


def test_every_public_name_is_there() -> None:
    for name in nf.__all__:
        assert getattr(nf, name) is not None
    assert set(nf.__all__) <= set(dir(nf))
    assert nf.__all__ == sorted(nf.__all__)
    assert set(nf.__all__) == set(nf._HOMES)
    with pytest.raises(AttributeError, match="no attribute 'fetch_nothing'"):
        nf.fetch_nothing  # noqa: B018


def test_completion_offers_what_is_public() -> None:
    offered = {name for name in dir(nf) if not name.startswith("__")}
    assert offered == {*nf.__all__, "errors", "types"}
    assert nf.__version__ == importlib.metadata.version("neptune-frames")
    assert "__version__" in dir(nf)
    assert issubclass(nf.errors.NeptuneRetryError, nf.errors.NeptuneError)
    assert nf.types.File is nf.File


def test_what_is_no_source_or_query_is_refused() -> None:
    with pytest.raises(TypeError, match=r"source must be what open_source\(\) gives.*, got int"):
        nf.fetch_metrics(project="ws/proj", runs="", source=5)
    with pytest.raises(ArchiveError, match=r"archive is empty\. Give '\.' for the current directory; to read what"):
        nf.fetch_metrics(project="ws/proj", runs="", source="")
    with pytest.raises(TypeError, match=r"nf\.sql takes a query as a string, got int"):
        nf.sql(5, project="ws/proj", source=MemorySource([]))
    with pytest.raises(TypeError, match=r"nf\.explain takes a Polars frame.*, got str"):
        nf.explain("select 1")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, neptune_frames, neptune_frames.query.filters\n"
        "heavy = {'pandas', 'pyarrow', 'polars', 'numpy', 'httpx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_listing(source: MemorySource) -> None:
    assert ask("list_experiments", source) == ["exp-a", "exp-b"]
    assert ask("list_runs", source) == ["r1", "r2", "r3"]
    assert ask("list_experiments", source, experiments="b$") == ["exp-b"]
    assert ask("list_attributes", source, experiments=["exp-b"], attributes="l") == ["config/lr", "loss"]
    assert "acc" in ask("list_attributes", source)


def test_attributes_of_runs_named_by_a_frame_that_is_not_collected_yet(source: MemorySource) -> None:
    selector = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
    for labels, names in (["exp-b"], {"config/lr", "loss"}), ([], set()):
        frame = pl.LazyFrame({"run": labels}, schema={"run": pl.String})
        for kind in ContainerKind:
            exact = frame if kind is ContainerKind.EXPERIMENT else frame.select(pl.col("run").replace("exp-b", "r2"))
            found = list_attributes(source, "ws/proj", runs_of(exact, kind, keep_lazy=True), selector)
            assert {name for name in found if not name.startswith("sys/")} == names


@pytest.mark.parametrize(
    "chosen",
    [
        {"experiments": "a$"},
        {"experiments": ["exp-a", "exp-z"]},
        {"experiments": nf.Filter.lt(nf.Attribute("config/lr", type="float"), 0.15)},
        {"experiments": nf.Filter.lt("config/lr", 0.15)},
    ],
)
def test_selectors_of_experiments(source: MemorySource, chosen: dict[str, object]) -> None:
    frame = ask("fetch_metrics", source, attributes=["loss"], **chosen).collect()
    assert frame["experiment"].to_list() == ["exp-a"]


@pytest.mark.parametrize(
    "attributes",
    [
        "^lo",
        ["loss", "absent"],
        nf.AttributeFilter(name="ss"),
        nf.AttributeFilter(type="float_series", name=["loss"]),
        nf.AttributeFilter(name=("loss",)),
        nf.AttributeFilter(pl.Series(["loss"]), {"float_series": 1}.keys()),
        AttributeFilter("absent") | nf.AttributeFilter(name={"loss"}, type=("float_series",)),
    ],
)
def test_selectors_of_attributes(source: MemorySource, attributes: object) -> None:
    frame = ask("fetch_metrics", source, runs="", attributes=attributes).collect()
    assert frame.columns == ["run", "step", "loss"]
    assert frame.height == 4


@pytest.mark.parametrize("function", ["fetch_metrics", "scan_metrics"])
def test_numbers_of_any_library(source: MemorySource, function: str) -> None:
    chosen: dict[str, object] = {"runs": "r2", "attributes": ["loss"]}
    for steps in ((np.int64(2), None), [np.float32(2), None], (Fraction(2), np.int8(2))):
        assert len(ask(function, source, step_range=steps, tail_limit=np.int64(3), **chosen).collect()) == 1


@pytest.mark.parametrize("function", ["fetch_table", "fetch_buckets", "scan_buckets"])
def test_limits_are_numbers(source: MemorySource, function: str) -> None:
    with pytest.raises(ValueError, match=r"limit must be a number, got True \(bool\)"):
        ask(function, source, runs="", limit=True)
    assert source.calls == []
    ask(function, source, runs="", limit=np.int64(3))


@pytest.mark.parametrize("function", ["list_runs", "fetch_metrics", "fetch_series", "fetch_buckets", "fetch_table"])
def test_requests_carry_the_name_of_the_function(
    source: MemorySource, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str | None] = []
    search = source.search

    def noting_search(*arguments: Any, **options: Any) -> Any:
        call = current_call()
        called.append(None if call is None else call.function)
        return search(*arguments, **options)

    monkeypatch.setattr(source, "search", noting_search)
    ask(function, source, runs="")
    assert set(called) == {function}


@pytest.mark.parametrize("function", ["fetch_metrics", "scan_metrics", "fetch_series", "scan_series"])
def test_tail_limits_beyond_64_bits_are_all_points(tmp_path: Path, function: str) -> None:
    write_small_run(tmp_path / "exported", 1, points=3)
    given: dict[str, object] = {"project": "ws/proj", "source": tmp_path / "exported", "runs": ""}
    read = getattr(nf, function)
    assert read(tail_limit=2**100, **given).collect().equals(read(**given).collect())


@pytest.mark.parametrize("function", ["fetch_metrics", "scan_metrics", "list_experiments"])
@pytest.mark.parametrize(
    ("experiments", "error", "message"),
    [
        (
            [5],
            TypeError,
            r"experiments: one of the names is 5 \(int\)\. Accepted .* a Polars .* a Filter",
        ),
        ([None], TypeError, r"one of the names is None \(NoneType\)"),
        ([nf.Filter.exists("a")], TypeError, r"one of the names is <Filter .*Combine filters with &"),
        (pl.Series([1, 2]), TypeError, r"one of the names is 1 \(int\)"),
        (5, ValueError, r"experiments: got 5 \(int\)\. Accepted are a string"),
        (AlphaFilter.exists("a"), ValueError, r"got <Filter .*> \(neptune_fetcher\.alpha\.filters\.Filter\)"),
        (pd.DataFrame({"experiment": ["a"]}), ValueError, r"got pandas DataFrame\. Accepted"),
    ],
)
def test_selectors_that_choose_nothing(
    source: MemorySource, function: str, experiments: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(function, source, experiments=experiments)
    assert source.calls == []


def test_names_need_no_definitions_and_run_ids_no_search(source: MemorySource) -> None:
    ask("fetch_metrics", source, experiments=["exp-a"], attributes=["loss", "loss"])
    assert [name for name, _ in source.calls] == ["search", "float_points"]
    source.calls.clear()
    assert ask("fetch_metrics", source, runs=["r3", "r9"], attributes=["loss"]).collect()["run"].to_list() == ["r3"]
    assert [name for name, _ in source.calls] == ["resolve_custom_ids", "float_points"]
    source.calls.clear()
    ask("fetch_metrics", source, runs="r", attributes="loss")
    assert [name for name, _ in source.calls] == ["search", "definitions", "float_points"]


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        ({"experiments": "", "attributes": []}, []),
        ({"experiments": []}, []),
        ({"experiments": "nothing", "attributes": "loss"}, ["search"]),
        ({"experiments": "", "attributes": "nothing"}, ["search", "definitions"]),
    ],
)
def test_nothing_is_asked_about_nothing(source: MemorySource, arguments: dict[str, object], calls: list[str]) -> None:
    assert ask("fetch_metrics", source, **arguments).to_pandas().shape == (0, 0)
    assert [name for name, _ in source.calls] == calls


@pytest.mark.parametrize(
    "attributes", [[], nf.AttributeFilter(name=[]), nf.AttributeFilter(name=[]) | nf.AttributeFilter(name=[])]
)
@pytest.mark.parametrize(
    ("function", "calls"),
    [
        ("list_attributes", []),
        ("fetch_series", []),
        ("scan_series", []),
        ("fetch_metrics", []),
        ("fetch_buckets", []),
        ("scan_buckets", []),
        ("fetch_table", ["search"]),
        ("scan_table", ["search"]),
        ("scan_attributes", []),
    ],
)
def test_no_attributes_are_not_asked_for(
    source: MemorySource, function: str, attributes: object, calls: list[str]
) -> None:
    result = ask(function, source, runs="", attributes=attributes)
    rows = result if isinstance(result, list) else result.collect()
    assert [name for name, _ in source.calls] == calls
    assert len(rows) == (3 if calls else 0)


@pytest.mark.parametrize("function", ["fetch_metrics", "scan_metrics"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "neither was given"),
        ({"experiments": "", "runs": ""}, "both were given"),
        ({"runs": "", "step_range": (2, 1)}, "step_range"),
        ({"runs": "", "step_range": [1, 2, 3]}, "step_range"),
        ({"runs": "", "step_range": "12"}, "step_range"),
        ({"runs": "", "tail_limit": 0}, "tail_limit"),
        ({"runs": "", "tail_limit": True}, "tail_limit must be a number, got True (bool)"),
        ({"runs": "", "step_range": (True, None)}, "each end of step_range must be a number, got True (bool)"),
        ({"runs": "", "include_time": "relative"}, "include_time"),
        ({"runs": "", "attributes": 3}, "attributes"),
        ({"runs": "", "attributes": nf.AttributeFilter(type="int")}, "float_series"),
        ({"runs": "("}, "("),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_asked(
    source: MemorySource, function: str, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the message is asserted below)
        ask(function, source, **wrong)
    assert message in str(error.value)
    assert source.calls == []


def test_no_project_is_an_error_of_its_own(source: MemorySource, monkeypatch: pytest.MonkeyPatch) -> None:
    from neptune_frames.errors import NeptuneProjectNotProvided

    with pytest.raises(NeptuneProjectNotProvided):
        nf.fetch_metrics(runs="", source=source)
    monkeypatch.setenv("NEPTUNE_PROJECT", "ws/proj")
    assert len(nf.fetch_metrics(runs="", source=source)) == 5


def test_options_reach_the_source(source: MemorySource) -> None:
    options = {"step_range": (1, 2), "tail_limit": 1, "include_time": "absolute", "lineage_to_the_root": False}
    frame = ask("fetch_metrics", source, runs=["r2"], attributes=["loss"], **options).collect()
    assert frame["step"].to_list() == [2.0]
    ((_, asked),) = source.called("float_points")
    assert (asked.step_range, asked.tail_limit, asked.include_time, asked.lineage) == ((1.0, 2.0), 1, True, False)


def test_scan_is_lazy_and_collects_what_fetch_fetches(source: MemorySource) -> None:
    lf = ask("scan_metrics", source, experiments="", attributes="loss")
    assert isinstance(lf, pl.LazyFrame)
    assert source.calls == []
    eager = ask("fetch_metrics", source, experiments="", attributes="loss").long().collect(engine="in-memory")
    assert lf.collect(engine="in-memory").equals(eager)


def test_series_buckets_and_tables_ask_their_own_questions(source: MemorySource) -> None:
    assert ask("fetch_table", source, experiments="", attributes=["config/lr"]).to_pandas().shape == (2, 1)
    ask("fetch_buckets", source, runs="", attributes="loss", limit=3)
    ((_, _, limit),) = source.called("buckets")
    assert limit == 3
    assert ask("fetch_series", source, runs="").to_pandas().shape == (0, 0)
    with pytest.raises(ValueError, match="limit"):
        ask("fetch_buckets", source, runs="", limit=1001)


def test_public_calls_are_named_for_the_source_even_on_polars_threads(source: MemorySource) -> None:
    from neptune_frames.sources.public_call import current_call

    named = []

    class Watching(MemorySource):
        def float_points(self, keys: object, options: object) -> object:
            named.append(current_call().function)
            return super().float_points(keys, options)

    watching = Watching(source.runs)
    ask("fetch_metrics", watching, runs="")
    for engine in ("in-memory", "streaming"):
        ask("scan_metrics", watching, runs="").collect(engine=engine)
    assert named == ["fetch_metrics", "scan_metrics", "scan_metrics"]


def test_only_names_with_several_types_have_a_suffix_unless_one_says_otherwise() -> None:
    one = MemoryRun("a", "e", {"x": ("int", 1), "y": ("int", 2)})
    source = MemorySource([one, MemoryRun("b", "f", {"x": ("string", "t"), "y": ("int", 3)})])
    given: dict[str, Any] = {"project": "ws/proj", "runs": "", "attributes": ["x", "y"], "source": source}
    table = nf.fetch_table(**given)
    plain, suffixed = ["x:int", "x:string", "y"], ["x:int", "x:string", "y:int"]
    scan = nf.scan_table(**given)
    assert scan.collect_schema().names()[2:] == table.collect().columns[2:] == plain
    assert scan.collect().equals(table.collect())
    assert table.lazy().collect_schema().names()[2:] == table.to_arrow().column_names[2:] == plain
    assert list(table.to_pandas().columns) == plain
    assert all(f"{name} " in repr(table) for name in plain)
    assert table.collect(type_suffix=True).columns[2:] == list(table.to_pandas(type_suffix=True).columns) == suffixed
    assert nf.scan_table(type_suffix=True, **given).collect_schema().names()[2:] == suffixed
    message = "'x' has several types .* Pass type_suffix=True for one column per type"
    for shape in (table.collect, table.to_pandas, lambda **how: nf.scan_table(**how, **given)):
        with pytest.raises(nf.errors.ConflictingAttributeTypes, match=message):
            shape(type_suffix=False)


def test_a_name_that_looks_like_another_with_its_suffix_has_one_too() -> None:
    values = {"x": ("int", 1), "x:int": ("float", 0.5), "run:string": ("int", 7), "run": ("string", "r")}
    source = MemorySource([MemoryRun("a", "e", values), MemoryRun("b", "f", {"x": ("string", "t")})])
    given: dict[str, Any] = {"project": "ws/proj", "runs": ["a"], "attributes": "x|run", "source": source}
    expected = {"x:int": 1, "x:int:float": 0.5, "run:string": "r", "run:string:int": 7}
    for runs in (["a", "b"], ["b", "a"]):
        frames = nf.scan_table(**{**given, "runs": runs}), nf.fetch_table(**{**given, "runs": runs}).lazy()
        for frame in frames:
            assert frame.filter(pl.col("run") == "a").select(expected.keys()).collect().row(0, named=True) == expected
