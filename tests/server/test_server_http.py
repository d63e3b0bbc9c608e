"""The HTTP API over a small archive: every endpoint, its paging, and its refusals."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from neptune_frames.server.limits import Limits
from neptune_frames.server.testing import RunningServer, serve_in_thread
from neptune_frames.wire import (
    decode_buckets,
    decode_definitions,
    decode_float_series,
    decode_object_series,
    decode_run_attributes,
    decode_search,
    decode_values,
)
from neptune_frames.wire.media_types import ARROW_STREAM, JSON, PROTOBUF
from neptune_frames.wire.pages import AttributesPage
from neptune_frames.wire.protobuf import BucketsRequest, encode_buckets_request
from server.small_archive import (
    LONG_TEXT,
    OTHER_PROJECT,
    PROJECT,
    SLASHED,
    series_request,
    write_small_archive,
)

L = "/api/leaderboard/v1"
SEARCH = f"{L}/proto/leaderboard/entries/search/"
SEARCH_JSON = f"{L}/leaderboard/entries/search"
GLOBAL_SEARCH = f"{L}/proto/leaderboard/entries/global/search/"
DEFINITIONS = f"{L}/leaderboard/attributes/definitions/query"
VALUES = f"{L}/proto/leaderboard/attributes/query"
VALUES_JSON = f"{L}/leaderboard/attributes/query"
RUN_DEFINITIONS = f"{L}/proto/attributes/queryAttributeDefinitions"
RUN_ATTRIBUTES = f"{L}/proto/attributes/attributes"
FLOATS = f"{L}/proto/attributes/series/float"
OBJECTS = f"{L}/proto/attributes/series"
BUCKETS = f"{L}/proto/attributes/timeseries/buckets"
RUN_A, RUN_B = f"{PROJECT}/VIS-1", f"{PROJECT}/VIS-2"


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serve_in_thread(write_small_archive(tmp_path_factory.mktemp("small"))) as server:
        yield server


@pytest.fixture(scope="module")
def client(small_server: RunningServer, connect: Any) -> httpx.Client:
    connected: httpx.Client = connect(small_server)
    return connected


@pytest.fixture(scope="module")
def strict_client(tmp_path_factory: pytest.TempPathFactory, connect: Any) -> Iterator[httpx.Client]:
    """A client of a server that reads bodies of at most 1000 bytes."""
    with serve_in_thread(tmp_path_factory.mktemp("strict"), limits=Limits(body_bytes=1000)) as server:
        yield connect(server)


def good(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 200, answer.text
    return answer


def refused(answer: httpx.Response, status: int, error_type: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"errorType", "message", "code"}
    assert body["code"] == status
    assert body["message"]
    assert error_type is None or body["errorType"] == error_type
    assert "Traceback" not in answer.text
    return body


def search(client: httpx.Client, project: str = PROJECT, **body: Any) -> AttributesPage:
    body.setdefault("attributeFilters", [{"path": "sys/id"}])
    answer = good(client.post(SEARCH, params={"projectIdentifier": project, "type": "run"}, json=body))
    return decode_search(answer.content, answer.headers["content-type"])


def ids(page: AttributesPage) -> list[str]:
    return page.values["string"]["value"].to_pylist() if "string" in page.values else []


# --- formats --------------------------------------------------------------------------------------

FORMATS = {
    "search": (SEARCH + f"?projectIdentifier={PROJECT}", {"attributeFilters": [{"path": "loss"}]}, decode_search),
    "global": (GLOBAL_SEARCH, {}, decode_search),
    "definitions": (DEFINITIONS, {"projectIdentifiers": [PROJECT]}, decode_definitions),
    "values": (VALUES + f"?projectIdentifier={PROJECT}", {"experimentIdsFilter": [RUN_A, RUN_B]}, decode_values),
    "run attributes": (RUN_ATTRIBUTES + f"?holderIdentifier={RUN_A}", {}, decode_run_attributes),
    "floats": (FLOATS, series_request((RUN_A, "loss"), (RUN_A, "acc"), limit=6), decode_float_series),
    "objects": (OBJECTS, series_request((RUN_A, "log"), (RUN_A, "samples")), decode_object_series),
}


def comparable(page: Any) -> Any:
    """A decoded page as plain values; what protobuf cannot say (who a run of a values answer is, besides
    its ids; that a file has no known size) is left out."""
    if isinstance(page, AttributesPage):
        values = {kind: sized(sorted(batch.to_pylist(), key=repr)) for kind, batch in page.values.items()}
        return page.entries["experiment_id"].to_pylist(), values, page.next_page_token
    if isinstance(page, pa.RecordBatch):
        return sized(page.to_pylist())
    return page.definitions.to_pylist(), page.next_page_token


def sized(rows: list[dict[str, Any]]) -> str:
    """Rows as text, in which nan equals nan, and an unknown size is 0."""
    return repr(rows).replace("'size_bytes': None", "'size_bytes': 0")


@pytest.mark.parametrize("name", list(FORMATS))
def test_formats_hold_the_same_answer(client: httpx.Client, name: str) -> None:
    path, body, decode = FORMATS[name]
    pages = {}
    for accept in (PROTOBUF, JSON, ARROW_STREAM):
        answer = good(client.post(path, json=body, headers={"Accept": accept}))
        assert answer.headers["content-type"].partition(";")[0] == accept
        pages[accept] = comparable(decode(answer.content, accept))  # type: ignore[operator]
    assert pages[PROTOBUF] == pages[JSON] == pages[ARROW_STREAM]


@pytest.mark.parametrize("name", list(FORMATS))
def test_default_format_is_what_official_clients_expect(client: httpx.Client, name: str) -> None:
    # They send Accept: */* everywhere, and parse by path (http-api.md, section 2).
    path, body, _ = FORMATS[name]
    answer = good(client.post(path, json=body, headers={"Accept": "*/*"}))
    assert answer.headers["content-type"].partition(";")[0] == (PROTOBUF if "/proto/" in path else JSON)


@pytest.mark.parametrize("name", list(FORMATS))
def test_unacceptable_formats_are_406(client: httpx.Client, name: str) -> None:
    path, body, _ = FORMATS[name]
    refused(client.post(path, json=body, headers={"Accept": "text/html"}), 406)


# --- searching ------------------------------------------------------------------------------------


def test_newest_first_by_default(client: httpx.Client) -> None:
    assert ids(search(client)) == ["VIS-3", "VIS-2", "VIS-1"]


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 100])
def test_limit_and_offset_are_kept_exactly(client: httpx.Client, limit: int) -> None:
    everything = ["VIS-1", "VIS-2", "VIS-3"]
    for offset in range(5):
        page = search(
            client,
            pagination={"limit": limit, "offset": offset},
            sorting={"sortBy": {"name": "sys/id", "type": "string"}, "dir": "ascending"},
        )
        assert ids(page) == everything[offset : offset + limit]
        assert page.entries.num_rows == len(everything[offset : offset + limit])
        assert page.total in (None, 3)


@pytest.mark.parametrize(
    ("sorting", "expected"),
    [
        ({"sortBy": {"name": "lr", "type": "float"}, "dir": "ascending"}, ["VIS-3", "VIS-1", "VIS-2"]),
        ({"sortBy": {"name": "loss", "type": "floatSeries"}, "dir": "descending"}, ["VIS-2", "VIS-3", "VIS-1"]),
        (
            {"aggregationMode": "min", "sortBy": {"name": "loss", "type": "floatSeries"}, "dir": "ascending"},
            ["VIS-2", "VIS-1", "VIS-3"],
        ),
        (
            {"aggregationMode": "none", "sortBy": {"name": "sys/id", "type": "string"}, "dir": "descending"},
            ["VIS-3", "VIS-2", "VIS-1"],
        ),
        ({"sortBy": {"name": "layers", "type": "int"}, "dir": "descending"}, ["VIS-2", "VIS-1", "VIS-3"]),
    ],
)
def test_sorting(client: httpx.Client, sorting: dict[str, Any], expected: list[str]) -> None:
    assert ids(search(client, sorting=sorting)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["VIS-3", "VIS-2", "VIS-1"]),
        ('(`sys/name`:string == "beta")', ["VIS-2"]),
        ('`sys/name`:string MATCHES "^(a|g)"', ["VIS-3", "VIS-1"]),
        ("`layers`:int != 3", ["VIS-3", "VIS-2"]),
        ("(`sys/trashed`:bool = false)", ["VIS-3", "VIS-2", "VIS-1"]),
    ],
)
def test_query(client: httpx.Client, query: str, expected: list[str]) -> None:
    assert ids(search(client, query={"query": query})) == expected


@pytest.mark.parametrize(
    "query",
    ["()", "nonsense", "`x`:double = 1", "`x`:float > abc", '`x`:string MATCHES "("', "(" * 100_000, "`x`:float < inf"],
)
def test_malformed_queries_are_400_with_a_reason(client: httpx.Client, query: str) -> None:
    answer = client.post(SEARCH, params={"projectIdentifier": PROJECT}, json={"query": {"query": query}})
    assert refused(answer, 400)["errorType"] != "ACCESS_DENIED"


def test_search_by_project_uuid(client: httpx.Client) -> None:
    found = good(client.get("/api/backend/v1/projects/get", params={"projectIdentifier": PROJECT})).json()
    assert f"{found['organizationName']}/{found['name']}" == PROJECT
    assert ids(search(client, found["id"])) == ids(search(client))


def test_entries_carry_project_and_run_uuid(client: httpx.Client) -> None:
    (entry,) = search(client, pagination={"limit": 1}).entries.to_pylist()
    assert (entry["organization_name"], entry["project_name"]) == ("acme", "vision")
    attributes = good(client.get(f"{L}/attributes/attributes", params={"holderIdentifier": entry["experiment_id"]}))
    assert attributes.json()["experimentId"] == entry["experiment_id"]


def test_json_twin(client: httpx.Client) -> None:
    body = {"attributeFilters": [{"path": "lr"}], "pagination": {"limit": 1}}
    answer = good(client.post(SEARCH_JSON, params={"projectIdentifier": PROJECT}, json=body)).json()
    (entry,) = answer["entries"]
    assert entry["type"] == "run"
    assert entry["attributes"] == [
        {
            "name": "lr",
            "type": "float",
            "floatProperties": {"attributeName": "lr", "attributeType": "float", "value": 0.05},
        }
    ]


def test_global_search_spans_projects_and_names_runs(client: httpx.Client) -> None:
    answer = good(client.post(GLOBAL_SEARCH, json={"experimentLeader": True}))
    page = decode_search(answer.content, PROTOBUF)
    projects = {f"{row['organization_name']}/{row['project_name']}" for row in page.entries.to_pylist()}
    assert projects == {PROJECT, OTHER_PROJECT}
    names = {row["attribute"] for row in page.values["string"].to_pylist()}
    assert names == {"sys/id", "sys/name", "sys/custom_run_id"}


@pytest.mark.parametrize("path", [SEARCH, SEARCH_JSON, VALUES, VALUES_JSON])
def test_unknown_project_is_access_denied(client: httpx.Client, path: str) -> None:
    refused(client.post(path, params={"projectIdentifier": "no/where"}, json={}), 403, "ACCESS_DENIED")
    refused(client.post(path, json={}), 400)


# --- definitions ----------------------------------------------------------------------------------


def definitions(client: httpx.Client, **body: Any) -> list[tuple[str, str]]:
    body.setdefault("projectIdentifiers", [PROJECT])
    answer = good(client.post(DEFINITIONS, json=body)).json()
    assert "nextPage" in answer
    return [(entry["name"], entry["type"]) for entry in answer["entries"]]


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_definition_pages_are_full_and_complete(client: httpx.Client, limit: int) -> None:
    everything = definitions(client)
    assert ("loss", "floatSeries") in everything
    seen: list[tuple[str, str]] = []
    token = None
    for _ in range(len(everything) + 1):
        body = {"projectIdentifiers": [PROJECT], "nextPage": {"limit": limit, "nextPageToken": token}}
        answer = good(client.post(DEFINITIONS, json=body)).json()
        page = [(entry["name"], entry["type"]) for entry in answer["entries"]]
        seen += page
        token = answer["nextPage"].get("nextPageToken")
        if not token:
            break
        assert len(page) == limit
    assert seen == everything


def test_definition_filters(client: httpx.Client) -> None:
    assert definitions(client, attributeNameFilter={"mustMatchAny": []}) == []
    assert definitions(client, experimentIdsFilter=[]) == []
    conjunction = {"mustMatchRegexes": ["^lo"], "mustNotMatchRegexes": ["g$"]}
    expected = [("loss", "floatSeries"), ("lost", "fileRef")]
    assert sorted(definitions(client, attributeNameFilter=conjunction)) == expected
    of_run = definitions(client, experimentIdsFilter=[RUN_B, f"{PROJECT}/VIS-999", "no/where/X-1"])
    assert {name for name, _ in of_run if not name.startswith("sys/")} == {"lr", "layers", "loss"}
    typed = definitions(client, attributeFilter=[{"attributeType": "floatSeries"}, {"attributeType": "gitRef"}])
    assert typed == [("acc", "floatSeries"), ("loss", "floatSeries")]


def test_unknown_projects_are_ignored_unless_all_are(client: httpx.Client) -> None:
    assert definitions(client, projectIdentifiers=["no/where", PROJECT]) == definitions(client)
    refused(client.post(DEFINITIONS, json={"projectIdentifiers": ["no/where"]}), 403, "ACCESS_DENIED")
    refused(client.post(DEFINITIONS, json={}), 400)


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a{2000}"])
def test_bad_regexes_are_400(client: httpx.Client, pattern: str) -> None:
    body = {"projectIdentifiers": [PROJECT], "attributeNameFilter": {"mustMatchRegexes": [pattern]}}
    refused(client.post(DEFINITIONS, json=body), 400)


@pytest.mark.parametrize("identifier", [RUN_A, f"CUSTOM/{PROJECT}/run-a"])
def test_definitions_of_one_run(client: httpx.Client, identifier: str) -> None:
    answer = good(client.get(RUN_DEFINITIONS, params={"experimentIdentifier": identifier}))
    page = decode_definitions(answer.content, PROTOBUF).definitions.to_pylist()
    assert {"attribute": "model", "type": "file"} in page
    typed = good(
        client.get(
            f"{L}/attributes/queryAttributeDefinitions",
            params={"experimentIdentifier": identifier, "attributeType": ["floatSeries", "int"]},
        )
    )
    assert {entry["name"] for entry in typed.json()["entries"]} == {"acc", "layers", "loss"}


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_value_pages_add_up(client: httpx.Client, limit: int) -> None:
    body: dict[str, Any] = {"experimentIdsFilter": [RUN_A, RUN_B], "nextPage": {"limit": limit}}
    seen: list[tuple[str, str, str]] = []
    for _ in range(100):
        answer = good(client.post(VALUES, params={"projectIdentifier": PROJECT}, json=body))
        page = decode_values(answer.content, PROTOBUF)
        sys_ids = page.entries["sys_id"].to_pylist()
        found = [
            (sys_ids[row["run"]], row["attribute"], kind)
            for kind, batch in page.values.items()
            for row in batch.to_pylist()
        ]
        assert len(found) == limit or page.next_page_token is None
        seen += found
        if not page.next_page_token:
            break
        body["nextPage"]["nextPageToken"] = page.next_page_token
    whole = good(client.post(VALUES_JSON, params={"projectIdentifier": PROJECT}, json={**body, "nextPage": None}))
    expected = [
        (entry["experimentShortId"], attribute["name"])
        for entry in whole.json()["entries"]
        for attribute in entry["attributes"]
    ]
    assert len(seen) == len(set(seen))
    assert sorted((run, name) for run, name, _ in seen) == sorted(expected)
    if limit == 1:
        assert [run for run, _, _ in seen] == sorted(run for run, _, _ in seen)


def test_values_by_exact_names(client: httpx.Client) -> None:
    body = {"experimentIdsFilter": [RUN_A], "attributeNamesFilter": ["lr", "missing", "loss"]}
    answer = good(client.post(VALUES_JSON, params={"projectIdentifier": PROJECT}, json=body)).json()
    (entry,) = answer["entries"]
    by_name = {attribute["name"]: attribute for attribute in entry["attributes"]}
    assert by_name.keys() == {"lr", "loss"}
    series = by_name["loss"]["floatSeriesProperties"]
    assert (series["last"], series["lastStep"], series["min"], series["max"]) == (0.1, 9.0, 0.1, 1.0)


def test_values_of_nothing(client: httpx.Client) -> None:
    for body in (
        {"experimentIdsFilter": []},
        {"experimentIdsFilter": [RUN_A], "attributeNamesFilter": []},
        {"experimentIdsFilter": [f"{OTHER_PROJECT}/OTH-1"]},
    ):
        answer = good(client.post(VALUES_JSON, params={"projectIdentifier": PROJECT}, json=body)).json()
        assert answer["entries"] == []


def test_attributes_of_one_run(client: httpx.Client) -> None:
    parameters = {"holderIdentifier": RUN_A, "holderType": "experiment"}
    answer = good(client.post(RUN_ATTRIBUTES, params=parameters, json={"attributePathsFilter": ["layers", "missing"]}))
    page = decode_run_attributes(answer.content, PROTOBUF)
    assert page.values["int"]["value"].to_pylist() == [3]
    assert page.values.keys() == {"int"}
    parameters["holderIdentifier"] = f"{PROJECT}/VIS-99"
    refused(client.post(RUN_ATTRIBUTES, params=parameters, json={}), 404)


# --- float series ---------------------------------------------------------------------------------


def floats(client: httpx.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = good(client.post(FLOATS, json=body))
    rows: list[dict[str, Any]] = decode_float_series(answer.content, PROTOBUF, time=True, preview=True).to_pylist()
    return rows


def test_one_entry_per_request_in_order(client: httpx.Client) -> None:
    series = [
        (RUN_B, "loss"),
        (f"{PROJECT}/VIS-99", "loss"),
        (RUN_A, "missing"),
        (RUN_A, "loss"),
        (f"CUSTOM/{PROJECT}/{SLASHED}", "loss"),
        ("CUSTOM/no/where/x", "loss"),
        (RUN_A, "lr"),
        (RUN_B, "loss"),
    ]
    rows = floats(client, series_request(*series, limit=100))
    assert [row["request_id"] for row in rows] == [f"r{number}" for number in range(len(series))]
    assert [len(row["points"]) for row in rows] == [25, 0, 0, 10, 2, 0, 0, 25]


def test_series_of_no_known_project_are_refused(client: httpx.Client) -> None:
    nowhere = ("CUSTOM/no/where/x", "loss")
    refused(client.post(FLOATS, json=series_request(nowhere, limit=1)), 403, "ACCESS_DENIED")
    refused(buckets(client, nowhere, ("no/where/X-1", "loss")), 403, "ACCESS_DENIED")


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_float_order_and_after_step(client: httpx.Client, order: str) -> None:
    expected = list(range(25)) if order == "ascending" else list(range(24, -1, -1))
    seen: list[float] = []
    body: Any = series_request((RUN_B, "loss"), limit=10, order=order)
    for _ in range(3):
        (row,) = floats(client, body)
        seen += [point["step"] for point in row["points"]]
        body["requests"][0]["afterStep"] = seen[-1]
    assert seen == expected


def test_float_step_range_includes_both_ends(client: httpx.Client) -> None:
    body = series_request((RUN_B, "loss"), limit=100, stepRange={"from": 3, "to": 7.0}, order="ascending")
    (row,) = floats(client, body)
    assert [point["step"] for point in row["points"]] == [3, 4, 5, 6, 7]
    assert row["points"][0]["is_preview"] is False
    assert row["points"][0]["preview_completion"] == 1.0


def test_null_keys_count_as_absent(client: httpx.Client) -> None:
    body: Any = series_request((RUN_B, "loss"), limit=100, stepRange={"from": None, "to": None}, order=None)
    body["requests"][0]["afterStep"] = None
    body["unknown"] = {"key": 1}
    (row,) = floats(client, body)
    assert len(row["points"]) == 25


def test_no_series_at_all(client: httpx.Client) -> None:
    assert floats(client, series_request(limit=10)) == []
    answer = good(client.post(OBJECTS, json=series_request()))
    assert decode_object_series(answer.content, PROTOBUF).num_rows == 0


@pytest.mark.parametrize("limit", [-1, 0, 1_000_001])
def test_points_limit_is_checked(client: httpx.Client, limit: int) -> None:
    refused(client.post(FLOATS, json=series_request((RUN_A, "loss"), limit=limit)), 400)


def test_points_of_all_series_together_are_limited(client: httpx.Client) -> None:
    good(client.post(FLOATS, json=series_request((RUN_A, "loss"), limit=1_000_000)))
    refused(client.post(FLOATS, json=series_request((RUN_A, "loss"), (RUN_B, "loss"), limit=500_001)), 400)


def test_single_series_twins(client: httpx.Client) -> None:
    parameters = {"experimentId": RUN_A, "attribute": "loss", "limit": 4, "skipToStep": 5}
    answer = good(client.get(FLOATS, params=parameters))
    (row,) = decode_float_series(answer.content, PROTOBUF).to_pylist()
    assert [point["step"] for point in row["points"]] == [6, 7, 8, 9]
    good(client.get(f"{L}/attributes/series/float", params=parameters))
    refused(client.get(FLOATS, params={**parameters, "limit": "many"}), 400)
    refused(client.get(FLOATS, params={"attribute": "loss"}), 400)


# --- other series ---------------------------------------------------------------------------------


def test_object_series_page_until_finished(small_server: RunningServer, tmp_path: Path, connect: Any) -> None:
    with serve_in_thread(write_small_archive(tmp_path), limits=Limits(object_answer_bytes=5_000)) as server:
        client = connect(server)
        body: Any = series_request((RUN_A, "long"), (RUN_A, "missing"), (RUN_A, "log"), order="descending")
        seen: dict[str, list[float]] = {"r0": [], "r1": [], "r2": []}
        for _ in range(50):
            answer = good(client.post(OBJECTS, params={"useDeprecatedStringFields": "false"}, json=body))
            page = decode_object_series(answer.content, PROTOBUF).to_pylist()
            for row in page:
                seen[row["request_id"]] += [point["step"] for point in row["points"]]
                assert all(point["string"] for point in row["points"])
            open_rows = {row["request_id"]: row["token"] for row in page if not row["finished"]}
            if not open_rows:
                break
            body["requests"] = [
                {**request, **({"searchAfter": {"finished": False, "token": token}} if token else {})}
                for request in body["requests"]
                for token in [open_rows.get(request["requestId"])]
                if request["requestId"] in open_rows
            ]
    assert seen["r0"] == list(range(39, -1, -1))
    assert seen["r1"] == []
    assert seen["r2"] == list(range(9, -1, -1))


@pytest.mark.parametrize("cap", [0, 1, 7, 100])
def test_object_series_cap(client: httpx.Client, cap: int) -> None:
    answer = good(client.post(OBJECTS, json=series_request((RUN_A, "log"), limit=cap, order="descending")))
    (row,) = decode_object_series(answer.content, PROTOBUF).to_pylist()
    assert [point["string"] for point in row["points"]] == [f"line {step}" for step in range(9, -1, -1)][:cap]
    assert row["finished"] is True


def test_file_series_points(client: httpx.Client) -> None:
    answer = good(client.post(OBJECTS, json=series_request((RUN_A, "samples"))))
    (row,) = decode_object_series(answer.content, PROTOBUF).to_pylist()
    assert [point["file"]["path"] for point in row["points"]] == ["run-a/0.txt", "run-a/1.txt"]
    assert row["points"][0]["file"]["mime_type"] == "text/plain"
    assert row["points"][0]["file"]["size_bytes"] == 5


def test_too_many_object_series(client: httpx.Client) -> None:
    good(client.post(OBJECTS, json=series_request(*[(RUN_A, f"s{number}") for number in range(2000)])))
    refused(client.post(OBJECTS, json=series_request(*[(RUN_A, f"s{number}") for number in range(2001)])), 400)


def test_long_text_travels_whole(client: httpx.Client) -> None:
    answer = good(client.post(f"{L}/attributes/series", json=series_request((RUN_A, "long"), limit=1))).json()
    assert answer["series"][0]["series"]["values"][0]["object"]["stringValue"] == LONG_TEXT


# --- buckets --------------------------------------------------------------------------------------


def buckets(client: httpx.Client, *series: tuple[str, str], **view: Any) -> httpx.Response:
    request = BucketsRequest(
        request_ids=pa.array([f"b{number}" for number in range(len(series))]),
        run_ids=pa.array([run for run, _ in series], pa.string()),
        formulas=pa.array([f"${{{name}}}" for _, name in series], pa.string()),
        **view,
    )
    headers = {"Content-Type": PROTOBUF}
    return client.post(BUCKETS, content=encode_buckets_request(request), headers=headers)


def test_bucket_answers_cover_every_expression(client: httpx.Client) -> None:
    series = [(RUN_B, "loss"), (f"{PROJECT}/VIS-99", "loss"), (RUN_A, "missing"), (RUN_A, "loss"), (RUN_B, "loss")]
    answer = good(buckets(client, *series, max_buckets=4))
    rows = decode_buckets(answer.content, PROTOBUF).to_pylist()
    assert [row["request_id"] for row in rows] == ["b0", "b1", "b2", "b3", "b4"]
    assert [len(row["buckets"]) > 0 for row in rows] == [True, False, False, True, True]
    assert rows[0]["buckets"] == rows[4]["buckets"]
    # The range spans all series of the request: 0 to 24, in three intervals after the first point.
    assert [(bucket["from_x"], bucket["to_x"]) for bucket in rows[0]["buckets"]] == [
        (float("-inf"), 0.0),
        (0.0, 8.0),
        (8.0, 16.0),
        (16.0, 24.0),
    ]
    assert sum(bucket["finite_point_count"] for bucket in rows[3]["buckets"]) == 10


def test_bucket_limits(client: httpx.Client) -> None:
    good(buckets(client, (RUN_A, "loss"), max_buckets=1001))
    refused(buckets(client, (RUN_A, "loss"), max_buckets=0), 400)
    refused(buckets(client, (RUN_A, "loss"), max_buckets=1_000_000), 400)
    refused(buckets(client, *[(RUN_A, "loss")] * 1001, max_buckets=2), 400)
    refused(buckets(client, (RUN_A, "loss"), max_buckets=2, from_x=5.0, to_x=1.0), 400)
    refused(buckets(client, (RUN_A, "loss} + ${acc"), max_buckets=2), 400)
    good(buckets(client, max_buckets=2))


def test_bucket_body_must_be_the_message(client: httpx.Client) -> None:
    refused(client.post(BUCKETS, content=b"\xff\xff\xff", headers={"Content-Type": PROTOBUF}), 400)
    refused(client.post(BUCKETS, json={"expressions": []}), 400)


# --- refusals in general --------------------------------------------------------------------------

POSTS = [
    SEARCH + f"?projectIdentifier={PROJECT}",
    GLOBAL_SEARCH,
    DEFINITIONS,
    VALUES + f"?projectIdentifier={PROJECT}",
    RUN_ATTRIBUTES + f"?holderIdentifier={RUN_A}",
    FLOATS,
    OBJECTS,
    BUCKETS,
    "/api/storagebridge/v1/signedUrl",
]
HOSTILE = {
    "empty": b"",
    "cut": b'{"a": ',
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "number": b"1e999",
    "not utf-8": b'{"query": {"query": "\xff\xfe"}}',
    "deep": b"[" * 200_000,
    "deep object": b'{"attributeNameFilter":{"mustMatchAny":[' * 50_000,
    "wrong types": b'{"requests": 5, "pagination": "x", "nextPage": [], "files": 7, "projectIdentifiers": {}}',
    "huge numbers": b'{"perSeriesPointsLimit": 99999999999999999999, "pagination": {"limit": 1e400}, "requests": []}',
    "null bytes": b"\x00" * 1000,
    "nul in a name": b'{"attributePathsFilter": ["a\\u0000b"], "projectIdentifiers": ["a\\u0000b"], "requests": []}',
    "lone surrogate": b'{"query": {"query": "\\ud800"}, "projectIdentifiers": ["\\ud800"], "requests": []}',
    "negative": b'{"pagination": {"limit": -1, "offset": -5}, "nextPage": {"limit": -1}, "perSeriesPointsLimit": -1}',
}


@pytest.mark.parametrize("body", list(HOSTILE))
@pytest.mark.parametrize("path", POSTS)
def test_hostile_bodies_are_final_refusals(client: httpx.Client, path: str, body: str) -> None:
    answer = client.post(path, content=HOSTILE[body], headers={"Content-Type": "application/json"})
    assert answer.status_code < 500
    assert answer.status_code != 429
    if answer.status_code != 200:
        refused(answer, answer.status_code)


@pytest.mark.parametrize("number", [2**63, 2**70, -1])
@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        (SEARCH + f"?projectIdentifier={PROJECT}", {"pagination": {"limit": 0}}, "pagination.limit"),
        (SEARCH + f"?projectIdentifier={PROJECT}", {"pagination": {"offset": 0}}, "pagination.offset"),
        (GLOBAL_SEARCH, {"pagination": {"limit": 5, "offset": 0}}, "pagination.offset"),
        (DEFINITIONS, {"projectIdentifiers": [PROJECT], "nextPage": {"limit": 0}}, "nextPage.limit"),
        (VALUES + f"?projectIdentifier={PROJECT}", {"nextPage": {"limit": 0}}, "nextPage.limit"),
    ],
)
def test_counts_beyond_64_bits_are_refused(
    client: httpx.Client, path: str, body: dict[str, Any], key: str, number: int
) -> None:
    *outer, last = key.split(".")
    body = copy.deepcopy(body)
    (body[outer[0]] if outer else body)[last] = number
    assert f"{key} is {number}" in refused(client.post(path, json=body), 400)["message"]
    (body[outer[0]] if outer else body)[last] = 2**63 - 1
    good(client.post(path, json=body))


@pytest.mark.parametrize("beside", [True, False])
def test_unknown_aggregations_are_refused(client: httpx.Client, beside: bool) -> None:
    sorting: dict[str, Any] = {"sortBy": {"name": "loss", "type": "floatSeries"}}
    (sorting if beside else sorting["sortBy"])["aggregationMode"] = "median"
    answer = client.post(SEARCH, params={"projectIdentifier": PROJECT}, json={"sorting": sorting})
    assert "aggregationMode is 'median'; it can be last, min" in refused(answer, 400)["message"]


@pytest.mark.parametrize("path", POSTS)
def test_everything_needs_a_token(small_server: RunningServer, path: str) -> None:
    refused(httpx.post(small_server.url + path, json={}, trust_env=False), 401, "UNAUTHORIZED")


def test_expired_access_token_is_401(tmp_path: Path, connect: Any) -> None:
    with serve_in_thread(write_small_archive(tmp_path), token_lifetime=0) as server:
        client = connect(server)
        refused(client.post(GLOBAL_SEARCH, json={}), 401, "AUTHORIZATION_TOKEN_EXPIRED")


@pytest.mark.parametrize("length_declared", [True, False])
@pytest.mark.parametrize("path", POSTS)
def test_oversized_bodies_are_413(strict_client: httpx.Client, path: str, length_declared: bool) -> None:
    content: Any = b" " * 1001 if length_declared else iter([b" " * 600, b" " * 600])
    refused(strict_client.post(path, content=content), 413)


def test_paths_and_methods(client: httpx.Client) -> None:
    refused(client.get("/nowhere"), 404)
    refused(client.get(SEARCH), 405)
    refused(client.delete(FLOATS), 405)
    assert client.get(SEARCH).headers["allow"] == "POST"
    # No redirect from one spelling of a path to the other: clients do not follow them.
    assert client.post(SEARCH.rstrip("/"), json={}).status_code == 404
    assert client.head("/nowhere").status_code == 404


def test_a_defect_of_ours_is_a_500_without_details(
    small_server: RunningServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(small_server.state.source, "search", fail)
    answer = client.post(GLOBAL_SEARCH, json={})
    assert "secret" not in answer.text
    refused(answer, 500, "INTERNAL_SERVER_ERROR")
    assert "the secret inside" in caplog.text


# --- a changing archive ---------------------------------------------------------------------------


def test_projects_that_appear_later_are_served(tmp_path: Path, connect: Any) -> None:
    written = write_small_archive(tmp_path / "written")
    served = tmp_path / "served"
    served.mkdir()
    with serve_in_thread(served) as server:
        client = connect(server)
        refused(client.post(SEARCH, params={"projectIdentifier": PROJECT}, json={}), 403, "ACCESS_DENIED")
        shutil.copytree(written / "data", served / "data")
        assert ids(search(client)) == ["VIS-3", "VIS-2", "VIS-1"]


def test_damaged_file_is_named_and_final(tmp_path: Path, connect: Any) -> None:
    archive = write_small_archive(tmp_path)
    victim = next(path for path in sorted(archive.rglob("*.parquet")) if "run-b" in path.name)
    victim.write_bytes(victim.read_bytes()[:200])
    with serve_in_thread(archive) as server:
        answer = connect(server).post(SEARCH, params={"projectIdentifier": PROJECT}, json={})
        assert victim.name in refused(answer, 422)["message"]
