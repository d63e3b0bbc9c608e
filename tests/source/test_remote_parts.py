"""The small parts of the remote source: tokens, splitting, headers, point lists, concurrency, choice of source."""

from __future__ import annotations

import base64
import json
import pickle
import threading
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import InvalidApiTokenError, NeptuneApiTokenNotProvided, NeptuneUserError
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, NamePattern
from neptune_frames.schemas import float_point
from neptune_frames.sources import choose
from neptune_frames.sources.remote import RemoteSource
from neptune_frames.sources.remote.attribute_requests import attribute_filters
from neptune_frames.sources.remote.concurrency import Step, fetch_ordered, fetch_unordered
from neptune_frames.sources.remote.connections import user_agent
from neptune_frames.sources.remote.credentials import ApiToken
from neptune_frames.sources.remote.point_lists import PointLists
from neptune_frames.sources.remote.session import client_metadata
from neptune_frames.sources.remote.splitting import even_parts, name_filters, run_parts, series_parts, values_parts
from neptune_frames.wire.requests import encode_message


def token(**fields: Any) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode()


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"api_url": "https://a", "api_address": "https://b"}, "https://a"),
        ({"api_url": "https://a/base/"}, "https://a/base"),
        ({"api_url": "", "api_address": "https://b"}, "https://b"),
        ({"api_address": "https://b"}, "https://b"),
        ({"api_url": "http://[::1]:8080/a@b"}, "http://[::1]:8080/a@b"),
        ({"api_url": "http://münchen.example"}, "http://münchen.example"),
        ({"api_url": "http://my_host:8080"}, "http://my_host:8080"),
    ],
)
def test_the_address_is_the_tokens(fields, address):
    assert ApiToken(f"  {token(**fields)}\n").api_url == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "SECRET!",
        "U0VDUkVU",
        token(),
        token(api_url=None),
        token(api_url=3),
        token(api_url="ftp://SECRET"),
        base64.b64encode(b"[1]").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
    ],
)
def test_a_bad_token_is_an_error_that_does_not_show_it(text):
    with pytest.raises(InvalidApiTokenError) as caught:
        ApiToken(text)
    assert "SECRET" not in str(caught.value)
    assert not text.strip() or text not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://SECRET@host",
        "https://me:SECRET@host/api",
        "https://:@host",
        "http://host\\SECRET@other",
        "HTTP://SECRET:@h",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_shown(address):
    with pytest.raises(InvalidApiTokenError, match=r"its api_url holds a user name or password") as caught:
        ApiToken(token(api_url=address))
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://host:SECRET", "no valid host or port"),
        ("http://host:99999", "no valid host or port"),
        ("http://host:0", "no valid host or port"),
        ("http://[SECRET", "no valid host or port"),
        ("http://ho SECRET", "no valid host or port"),
        ("http://☃.-", "no valid host or port"),
        ("http://ho\nSECRET", "no valid host or port"),
        ("http://", "no valid host or port"),
        ("https:///SECRET", "no valid host or port"),
        ("https://me:pass/SECRET@host", "no valid host or port"),
        ("https://host?key=SECRET", "more than a host"),
        ("https://host/api#SECRET", "more than a host"),
    ],
)
def test_an_address_that_no_request_can_be_sent_to_is_refused(address, reason):
    with pytest.raises(InvalidApiTokenError, match=reason) as caught:
        ApiToken(token(api_address=address))
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_a_token_is_neither_shown_nor_pickled():
    text = token(api_url="https://a", api_key="k")
    one = ApiToken(text)
    assert text not in repr(one)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(one)


@given(st.integers(0, 5000), st.integers(1, 700))
@settings(max_examples=100, deadline=None)
def test_even_parts_cover_everything_once(count, largest):
    parts = list(even_parts(count, largest))
    assert [index for start, end in parts for index in range(start, end)] == list(range(count))
    sizes = [end - start for start, end in parts]
    assert len(parts) == -(-count // largest)
    assert not sizes or (max(sizes) <= largest and max(sizes) - min(sizes) <= 1)


def test_limits_of_requests_are_those_of_the_documents(monkeypatch):
    assert [end - start for start, end in run_parts(8801)] == [2934, 2934, 2933]
    assert [len(part) for part in name_filters(["x" * 30_000] * 5)] == [2, 2, 1]
    assert [len(part) for part in name_filters(["x" * 70_000] * 2)] == [1, 1]
    for (start, end), names in values_parts(100_000, [f"{index}" for index in range(30)]):
        assert (end - start) * len(names) <= 10_000
        assert sum(map(len, names)) + 50 * (end - start) <= 220_000


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(1, 2000))
@settings(max_examples=50, deadline=None)
def test_series_parts_keep_within_bytes_and_number(sizes, longest):
    names = pa.array(["n" * size for size in sizes])
    positions = np.tile(np.arange(len(sizes), dtype=np.int32), 5)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("NEPTUNE_QUERY_MAX_REQUEST_SIZE", str(longest))
        monkeypatch.setenv("NEPTUNE_QUERY_SERIES_BATCH_SIZE", "17")
        parts = list(series_parts(names, positions))
    assert [index for start, end in parts for index in range(start, end)] == list(range(len(positions)))
    for start, end in parts:
        assert end - start <= 17
        assert end - start == 1 or sum(sizes[position] for position in positions[start:end]) <= longest


def test_name_filters_are_written_as_official_clients_write_them():
    def written(**alternative: Any) -> list[dict[str, Any]]:
        selector = AttributeSelector((AttributeAlternative(("float_series",), **alternative),))
        return [json.loads(encode_message(name_filter)) for _, name_filter in attribute_filters(selector)]

    assert written() == [{}]
    assert written(patterns=()) == []
    assert written(names=()) == []
    assert written(names=("x",)) == [{"mustMatchAny": [{"mustMatchRegexes": ["^x$"]}]}]
    assert written(names=("a.b", "c/d[0]")) == [{"mustMatchAny": [{"mustMatchRegexes": ["^(a\\.b|c/d\\[0\\])$"]}]}]
    patterns = (NamePattern(("^a/",), ("b",)), NamePattern((), ("c",)))
    alternatives = [{"mustMatchRegexes": ["^a/"], "mustNotMatchRegexes": ["b"]}, {"mustNotMatchRegexes": ["c"]}]
    assert written(patterns=patterns) == [{"mustMatchAny": alternatives}]


@given(st.lists(st.lists(st.floats(-100, 100), max_size=6), max_size=8), st.sampled_from([None, False, True]))
@settings(max_examples=100, deadline=None)
def test_points_come_out_in_step_order_whatever_order_they_came_in(lists, descending):
    if descending is not None:
        lists = [sorted(steps, reverse=descending) for steps in lists]
    points = [[{"step": step, "value": step} for step in steps] for steps in lists]
    array = pa.array(points, pa.large_list(pa.field("item", float_point(), nullable=False)))
    taken = PointLists(array)
    assert taken.rows.tolist() == [index for index, steps in enumerate(lists) if steps]
    assert [[one["step"] for one in steps] for steps in taken.ascending().to_pylist()] == [
        sorted(s) for s in lists if s
    ]


def test_ordered_work_keeps_its_order_and_its_bound():
    running: set[int] = set()
    lock = threading.Lock()
    most = 0

    def task(index: int) -> int:
        nonlocal most
        with lock:
            running.add(index)
            most = max(most, len(running))
        with lock:
            running.remove(index)
        return index

    assert list(fetch_ordered([lambda index=index: task(index) for index in range(50)], ahead=3)) == list(range(50))
    assert most <= 3


def test_chains_come_in_their_order_and_stop_when_nobody_listens():
    started: list[int] = []

    def step(chain: int, page: int) -> Step[tuple[int, int]]:
        started.append(chain)
        return Step((chain, page), (lambda: step(chain, page + 1)) if page < 4 else None)

    found = list(fetch_unordered([lambda chain=chain: step(chain, 0) for chain in range(20)], ahead=4))
    assert sorted(found) == [(chain, page) for chain in range(20) for page in range(5)]
    for chain in range(20):
        assert [page for one, page in found if one == chain] == list(range(5))
    started.clear()
    pieces = fetch_unordered([lambda chain=chain: step(chain, 0) for chain in range(1000)], ahead=4)
    next(pieces)
    pieces.close()
    assert len(set(started)) <= 8


def test_metadata_fits_its_header(monkeypatch):
    assert json.loads(client_metadata(None))["ud"] is None
    monkeypatch.setenv("NEPTUNE_QUERY_METADATA", "x" * 81)
    assert json.loads(client_metadata(None))["ud"] == "NEPTUNE_QUERY_METADATA too long"
    assert user_agent().isascii()


@pytest.fixture(autouse=True)
def _no_shared_sources(monkeypatch):
    monkeypatch.setattr(choose, "_api_token", None)
    yield
    choose.close_sources()


def test_the_environment_chooses_archive_before_token(monkeypatch, tmp_path: Path):
    with pytest.raises(NeptuneApiTokenNotProvided, match=r"Pass source= \(neptune_frames\) or call set_api_token"):
        choose.open_source()
    first, second = token(api_url="https://a"), token(api_url="https://b")
    monkeypatch.setenv("NEPTUNE_API_TOKEN", first)
    assert repr(choose.open_source()) == "RemoteSource('https://a')"
    choose.set_api_token(second)
    assert repr(choose.open_source()) == "RemoteSource('https://b')"
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(tmp_path))
    assert type(choose.open_source()).__name__ == "ArchiveSource"
    assert repr(choose.open_source(first)) == "RemoteSource('https://a')"


def test_sources_are_shared_by_all_threads_and_keep_no_token_in_sight():
    text = token(api_url="https://a", api_key="k")
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(choose.open_source(text))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(source) for source in found}) == 1
    assert text not in repr(choose._sources)
    source = RemoteSource(text)
    assert choose.open_source(source) is source


def test_a_server_says_that_it_lists_no_projects() -> None:
    source = RemoteSource(token(api_url="https://a"))
    with pytest.raises(
        NeptuneUserError, match=r"server https://a does not list its projects.*project='workspace/name'"
    ):
        source.projects()
