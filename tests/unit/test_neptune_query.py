"""The drop-in package: its surface, its checks and their order, and what it asks of the core."""

from __future__ import annotations

import inspect
import json
import math
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import neptune_frames.warnings
import neptune_query as nq
from memory_source import MemoryRun, MemorySource
from neptune_frames.sources import choose
from neptune_frames.sources.public_call import current_call
from neptune_query import exceptions, experimental, filters, runs, types
from neptune_query.filters import Attribute, AttributeFilter, Filter

FILE = {"path": "key", "size_bytes": 4, "mime_type": "text/plain"}
TEXT = {"step": 1.0, "timestamp": 0, "string": "hi", "histogram": None, "file": None}


class Recording(MemorySource):
    """Notes which public call each question belongs to."""

    def __init__(self, stored: list[MemoryRun]) -> None:
        super().__init__(stored)
        self.functions: set[str] = set()

    def search(self, *arguments: Any, **options: Any) -> Any:
        call = current_call()
        self.functions.add("" if call is None else call.function)
        return super().search(*arguments, **options)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Recording:
    recording = Recording(
        [
            MemoryRun(
                "run-b",
                "exp-b",
                {"lr": ("float", 0.1), "art": ("file", FILE)},
                {"loss": [(1.0, 0.5), (2.0, 0.25)]},
                {"log": ("string_series", [TEXT])},
            ),
            MemoryRun("run-a", "exp-a", {"lr": ("float", 0.2)}, {"loss": [(1.0, math.inf)]}),
            MemoryRun("run-old", "exp-a", {"old": ("int", 1)}, is_head=False),
        ]
    )
    monkeypatch.setattr(choose, "default_source", lambda: recording)
    monkeypatch.setenv("NEPTUNE_PROJECT", "ws/proj")
    return recording


@pytest.fixture(autouse=True)
def _experimental_warnings_were_shown() -> Iterator[None]:
    """The warnings of experimental functions have tests of their own."""
    shown = neptune_frames.warnings._texts_shown
    before = set(shown)
    shown.update(
        f"`{function.__module__}.{function.__name__}` is experimental and might change: its arguments, and its result."
        for function in EXPERIMENTAL
    )
    yield
    shown.clear()
    shown.update(before)


EXPERIMENTAL: list[Callable[..., Any]] = [
    nq.fetch_metric_buckets,
    runs.fetch_metric_buckets,
    experimental.fetch_experiments_table_global,
    experimental.fetch_runs_table_global,
]

# --- surface

REQUIRED = inspect.Parameter.empty
CREATION = Attribute("sys/creation_time", type="datetime")
TABLE = {
    "attributes": [],
    "sort_by": CREATION,
    "sort_direction": "desc",
    "limit": None,
    "type_suffix_in_column_names": False,
}
SERIES = {
    "attributes": REQUIRED,
    "include_time": None,
    "step_range": (None, None),
    "lineage_to_the_root": True,
    "tail_limit": None,
}
METRICS = {**SERIES, "type_suffix_in_column_names": False, "include_point_previews": False}
BUCKETS = {"x": "step", "y": REQUIRED, "limit": 1000, "lineage_to_the_root": True, "include_point_previews": False}
DOWNLOAD = {"files": REQUIRED, "destination": None}


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (nq.list_experiments, {"project": None, "experiments": None}),
        (nq.list_attributes, {"project": None, "experiments": None, "attributes": None}),
        (nq.fetch_experiments_table, {"project": None, "experiments": None, **TABLE}),
        (nq.fetch_metrics, {"project": None, "experiments": REQUIRED, **METRICS}),
        (nq.fetch_series, {"project": None, "experiments": REQUIRED, **SERIES}),
        (nq.fetch_metric_buckets, {"project": None, "experiments": REQUIRED, **BUCKETS}),
        (nq.download_files, DOWNLOAD),
        (runs.list_runs, {"project": None, "runs": None}),
        (runs.list_attributes, {"project": None, "runs": None, "attributes": None}),
        (runs.fetch_runs_table, {"project": None, "runs": None, **TABLE}),
        (runs.fetch_metrics, {"project": None, "runs": REQUIRED, **METRICS}),
        (runs.fetch_series, {"project": None, "runs": REQUIRED, **SERIES}),
        (runs.fetch_metric_buckets, {"project": None, "runs": REQUIRED, **BUCKETS}),
        (runs.download_files, DOWNLOAD),
        (experimental.fetch_experiments_table_global, {"experiments": None, **TABLE}),
        (experimental.fetch_runs_table_global, {"runs": None, **TABLE}),
    ],
    ids=lambda value: f"{value.__module__}.{value.__name__}" if callable(value) else "",
)
def test_signatures(function: Callable[..., Any], parameters: dict[str, Any]) -> None:
    signature = inspect.signature(function)
    assert {name: parameter.default for name, parameter in signature.parameters.items()} == parameters
    assert list(signature.parameters) == list(parameters)
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in signature.parameters.values())
    assert function.__doc__
    assert function.__module__ in ("neptune_query", "neptune_query.runs", "neptune_query.experimental")


def test_token_may_be_positional() -> None:
    (parameter,) = inspect.signature(nq.set_api_token).parameters.values()
    assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD


@pytest.mark.parametrize("module", [nq, runs, experimental, filters, types, exceptions, nq.warnings])
def test_all_names_are_there(module: Any) -> None:
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            nq,
            """
            set_api_token list_experiments list_attributes fetch_experiments_table fetch_metrics fetch_metric_buckets
            fetch_series download_files experimental
            """,
        ),
        (runs, "list_runs list_attributes fetch_runs_table fetch_metrics fetch_series download_files"),
        (experimental, "fetch_experiments_table_global fetch_runs_table_global"),
        (filters, "Filter AttributeFilter Attribute KNOWN_TYPES"),
    ],
)
def test_a_star_import_brings_what_the_official_package_brings(module: Any, names: str) -> None:
    assert set(module.__all__) == set(names.split())


def test_modules_are_attributes_of_those_whose_arguments_they_make() -> None:
    assert runs.filters is experimental.filters is filters
    assert runs.types is types


def test_a_star_import_leaves_the_standard_library_alone() -> None:
    modules = ("types", "filters", "exceptions", "warnings", "runs", "experimental")
    stars = "\n".join(f"from {name} import *" for name in ("neptune_query", *(f"neptune_query.{m}" for m in modules)))
    code = f"import types, warnings\n{stars}\nwarnings.filterwarnings('ignore')\ntypes.SimpleNamespace()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_documents_and_scripts_use() -> None:
    assert nq.Filter is nq.filters.Filter
    assert nq.Attribute is nq.filters.Attribute
    assert nq.AttributeFilter is nq.filters.AttributeFilter
    assert nq.runs is runs
    assert nq.experimental is experimental
    assert filters.AGGREGATION_LAST == ("last",)
    assert len(filters.KNOWN_TYPES) == 11
    from neptune_query.generated.neptune_api.errors import InvalidApiTokenException

    assert exceptions.InvalidApiTokenError is InvalidApiTokenException


def test_exception_tree() -> None:
    for name in (
        "NeptuneProjectNotProvided",
        "NeptuneApiTokenNotProvided",
        "NeptuneInvalidCredentialsError",
    ):
        assert issubclass(getattr(exceptions, name), exceptions.NeptuneUserError)
    assert issubclass(exceptions.NeptuneUserError, exceptions.NeptuneError)
    assert issubclass(exceptions.NeptuneWarning, Warning)
    for error in (
        exceptions.NeptuneRetryError(3, 1.5, 503, b"busy"),
        exceptions.ConflictingAttributeTypes(["a", "b"]),
        exceptions.NeptuneUnexpectedResponseError(400, b"no"),
        exceptions.NeptuneProjectNotProvided(),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
        assert again.__dict__ == error.__dict__


def test_file_and_histogram() -> None:
    file = types.File("ws/proj", "exp", None, "a", None, "key", 2048, "image/png")
    assert repr(file) == "File(size=2.00 KB, mime_type=image/png)"
    assert file.container_identifier == "exp"
    assert hash(file) == hash(pickle.loads(pickle.dumps(file)))
    sizes = {0: "0 B", 1023: "1023 B", 1024: "1.00 KB", 1024**2: "1.00 MB", 10**15: "931322.57 GB"}
    for size, text in sizes.items():
        assert repr(types.File("p", None, "r", "a", None, "k", size, "m")) == f"File(size={text}, mime_type=m)"
    for names in ((None, None), ("e", "r"), ("", None)):
        with pytest.raises(ValueError, match="exactly one"):
            types.File("p", *names, "a", None, "k", 0, "m")
    with pytest.raises(TypeError):
        hash(types.Histogram("COUNTING", [0.0, 1.0], [1.0]))


IMPORT_PROBE = """
import json, sys
import {module}
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


@pytest.mark.parametrize("module", ["neptune_query", "neptune_query.runs", "neptune_query.filters"])
def test_import_loads_nothing_heavy(module: str) -> None:
    heavy = ("pandas", "polars", "pyarrow", "numpy", "httpx", "re2", "msgspec", "tqdm", "importlib.metadata")
    code = IMPORT_PROBE.format(module=module, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_official_distribution_beside_ours_is_said(tmp_path: Path) -> None:
    (tmp_path / "neptune_query-1.14.1.dist-info").mkdir()
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import neptune_query"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "neptune-query (1.14.1) is installed beside neptune-frames" in done.stderr
    done = subprocess.run([sys.executable, "-c", "import neptune_query"], capture_output=True, text=True, check=True)
    assert done.stderr == ""


WITHOUT_PANDAS = """
import sys

class NoPandas:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ImportError(name)

sys.meta_path.insert(0, NoPandas())
import neptune_query as nq
from memory_source import MemoryRun, MemorySource
from neptune_frames.sources import choose

source = MemorySource([MemoryRun("r", "e", {}, {"loss": [(1.0, 0.5)]})])
choose.default_source = lambda: source
print(nq.list_experiments(project="ws/proj"))
asked = len(source.calls)
try:
    nq.fetch_metrics(project="ws/proj", experiments=None, attributes=None)
except nq.exceptions.MissingDependencyError as error:
    print(error, len(source.calls) - asked)
"""


def test_without_pandas_lists_work_and_frames_say_what_to_install() -> None:
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", WITHOUT_PANDAS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tests)
    listed, message = done.stdout.splitlines()
    assert listed == "['e']"
    assert "pip install 'neptune-frames[pandas]'" in message
    assert message.endswith(" 0")  # nothing was asked


# --- tokens


def test_token_is_set_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_api_token", None)
    context = nq.set_api_token("c2VjcmV0")
    assert context.api_token == "c2VjcmV0"
    assert "c2VjcmV0" not in repr(context)
    assert choose._api_token == "c2VjcmV0"
    for wrong in ("", "  ", None, 5):
        with pytest.raises(ValueError, match="api_token"):
            nq.set_api_token(wrong)  # type: ignore[arg-type]
    with pytest.raises(exceptions.InvalidApiTokenError) as caught:
        nq.list_experiments(project="ws/proj")
    assert "c2VjcmV0" not in str(caught.value)


# --- checks


def test_checks_come_in_the_documented_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call has the faults of the ones after it; the first one counts."""
    monkeypatch.setattr(choose, "_api_token", None)
    faults: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({}, exceptions.NeptuneProjectNotProvided, "project"),
        ({"project": "ws/proj"}, ValueError, "experiments"),
        ({"experiments": ["e"]}, ValueError, "attributes"),
        ({"attributes": ["a"]}, ValueError, "step_range"),
        ({"step_range": (1, 2)}, ValueError, "tail_limit"),
        ({"tail_limit": 1}, ValueError, "include_time"),
        ({"include_time": None}, exceptions.NeptuneApiTokenNotProvided, "API token"),
    ]
    arguments: dict[str, Any] = {
        "project": "",
        "experiments": [],
        "attributes": 3,
        "step_range": [1, 2],
        "tail_limit": 0,
        "include_time": "relative",
    }
    for repair, error, text in faults:
        arguments.update(repair)
        with pytest.raises(error, match=text):
            nq.fetch_metrics(**arguments)


def test_table_checks(source: Recording) -> None:
    for wrong in (0, -1, 1.0, "1", False):
        with pytest.raises(ValueError, match="limit"):
            nq.fetch_experiments_table(limit=wrong)  # type: ignore[arg-type]
    for direction in ("DESC", None, ""):
        with pytest.raises(ValueError, match="sort_direction"):
            runs.fetch_runs_table(sort_direction=direction)  # type: ignore[arg-type]
    for key in (None, 3, ["a"], Filter.exists("a")):
        with pytest.raises(ValueError, match="sort_by"):
            nq.fetch_experiments_table(sort_by=key)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"runs: .*empty list"):
        runs.fetch_runs_table(runs=[])
    assert source.calls == []


def test_bucket_checks(source: Recording) -> None:
    for wrong in (0, 1001, 1.0, None):
        with pytest.raises(ValueError, match="limit"):
            nq.fetch_metric_buckets(experiments="e", y="y", limit=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x must be 'step'"):
        nq.fetch_metric_buckets(experiments="e", x="time", y="y", limit=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"y: .*float_series"):
        nq.fetch_metric_buckets(experiments="e", y=AttributeFilter(type="int"))
    assert source.calls == []


def test_types_that_a_function_cannot_return(source: Recording) -> None:
    with pytest.raises(ValueError, match="float_series"):
        nq.fetch_metrics(experiments=None, attributes=AttributeFilter(type="int") | AttributeFilter("a"))
    with pytest.raises(ValueError, match="string_series"):
        nq.fetch_series(experiments=None, attributes=AttributeFilter(type="float_series"))
    assert source.calls == []


def test_global_tables_need_types(source: Recording) -> None:
    with pytest.raises(exceptions.NeptuneUserError, match="sort_by"):
        experimental.fetch_runs_table_global(sort_by="sys/name")  # type: ignore[arg-type]
    with pytest.raises(exceptions.AttributeTypeInferenceError, match="lr"):
        experimental.fetch_experiments_table_global(experiments=Filter.eq("lr", 1.0))
    assert source.calls == []


def test_positional_and_missing_arguments_are_refused(source: Recording) -> None:
    with pytest.raises(TypeError):
        nq.list_experiments("ws/proj")  # type: ignore[misc]
    with pytest.raises(TypeError):
        nq.fetch_metrics(experiments=None)  # type: ignore[call-arg]


def test_files_are_checked_before_the_destination_is_made(source: Recording, tmp_path: Path) -> None:
    of_run = types.File("ws/proj", None, "run", "a", None, "k", 0, "")
    with pytest.raises(ValueError, match="files"):
        nq.download_files(files=3, destination=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        nq.download_files(files=of_run, destination=3)  # type: ignore[arg-type]
    with pytest.raises(exceptions.NeptuneUserError):
        nq.download_files(files=of_run, destination=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_destination_is_made_before_the_token_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_api_token", None)
    with pytest.raises(exceptions.NeptuneApiTokenNotProvided):
        nq.download_files(files=[], destination=tmp_path / "new")
    assert (tmp_path / "new").is_dir()


# --- answers


def test_lists(source: Recording) -> None:
    assert nq.list_experiments() == ["exp-a", "exp-b"]
    assert nq.list_experiments(experiments=["exp-b", "unknown"]) == ["exp-b"]
    assert runs.list_runs(runs="^run-[ab]$") == ["run-a", "run-b"]
    assert runs.list_attributes(attributes="^l") == ["log", "loss", "lr"]
    assert runs.list_attributes(attributes=[]) == []
    assert "old" not in nq.list_attributes()
    assert "old" in runs.list_attributes()


def test_tables(source: Recording) -> None:
    table = nq.fetch_experiments_table(attributes=["lr", "loss"], type_suffix_in_column_names=True)
    assert table.columns.tolist() == ["loss:float_series", "lr:float"]
    assert table.index.name == "experiment"
    source.runs[0].values["old"] = ("float", 0.5)
    with pytest.raises(exceptions.ConflictingAttributeTypes, match="Pass type_suffix_in_column_names=True for"):
        runs.fetch_runs_table(attributes="old")
    assert runs.fetch_runs_table(runs=["run-b"], attributes=None).loc["run-b", "lr"] == 0.1
    assert runs.fetch_runs_table().shape == (3, 0)
    across = experimental.fetch_runs_table_global(attributes="^lr$")
    assert across.index.names == ["project", "run"]
    assert across["lr"].tolist()[:2] == [0.1, 0.2]


def test_series(source: Recording) -> None:
    metrics = nq.fetch_metrics(experiments=".*", attributes="loss", step_range=(1, 1))
    assert metrics.index.tolist() == [("exp-a", 1.0), ("exp-b", 1.0)]
    texts = runs.fetch_series(runs=None, attributes=None, include_time="absolute")
    assert texts.columns.tolist() == [("log", "value"), ("log", "absolute_time")]
    buckets = runs.fetch_metric_buckets(runs=["run-b"], y="loss", limit=3)
    assert buckets.columns.tolist() == [("run-b", "loss", "x"), ("run-b", "loss", "y")]


def test_downloads(source: Recording, tmp_path: Path) -> None:
    files = nq.fetch_experiments_table(attributes=AttributeFilter(type="file"))
    paths = nq.download_files(files=files, destination=tmp_path)
    assert isinstance(paths, pd.DataFrame)
    ((request,),) = source.called("fetch_files")
    assert request.target == tmp_path.resolve() / "exp-b" / "art.txt"


@pytest.mark.parametrize(
    ("call", "function"),
    [
        (lambda: nq.list_experiments(), "list_experiments"),
        (lambda: nq.fetch_metrics(experiments="e", attributes="a"), "fetch_metrics"),
        (lambda: runs.fetch_metrics(runs="e", attributes="a"), "runs.fetch_metrics"),
        (lambda: runs.fetch_runs_table(), "runs.fetch_runs_table"),
        (lambda: experimental.fetch_runs_table_global(), "fetch_runs_table_global"),
    ],
)
def test_requests_carry_the_name_of_the_function(source: Recording, call: Callable[[], object], function: str) -> None:
    call()
    assert source.functions == {function}
    assert current_call() is None


@pytest.mark.parametrize("function", EXPERIMENTAL)
def test_experimental_functions_warn_once_even_before_binding(function: Callable[..., Any]) -> None:
    neptune_frames.warnings._texts_shown.clear()
    with pytest.warns(nq.warnings.ExperimentalWarning, match=function.__name__) as shown, pytest.raises(TypeError):
        function(unknown=1)
    assert shown[0].filename == __file__
    with pytest.raises(TypeError):
        function(unknown=1)
