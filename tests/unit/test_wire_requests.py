"""Request bodies: the exact text that official clients send, both ways, and what is refused."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import NeptuneUserError, WireDecodingError
from neptune_frames.wire import requests
from neptune_frames.wire.arrow_batches import encode_stream, read_stream
from neptune_frames.wire.requests import arrow_series, decode_message, encode_message

# Bodies captured from neptune-query 1.14.1 and neptune-fetcher 0.23.0 (http-captures.md), unindented.
CAPTURED = [
    (
        requests.SearchRequest,
        (
            '{"attributeFilters":[{"path":"sys/name"},{"path":"sys/id"}],"experimentLeader":true,'
            '"pagination":{"limit":10000,"offset":0},'
            '"query":{"query":"(`config/lr`:float < \\"0.1\\") AND (`nope`:string == \\"x\\")"},'
            '"sorting":{"sortBy":{"name":"sys/creation_time","type":"datetime"},"dir":"descending"}}'
        ),
    ),
    (
        requests.GlobalSearchRequest,
        (
            '{"experimentLeader":true,"pagination":{"limit":2,"offset":0},'
            '"query":{"query":"((`sys/name`:string MATCHES \\"alpha\\"))"},'
            '"sorting":{"sortBy":{"name":"sys/creation_time","type":"datetime"},"dir":"descending"}}'
        ),
    ),
    (
        requests.DefinitionsRequest,
        (
            '{"attributeFilter":[{"attributeType":"int"},{"attributeType":"float"}],'
            '"attributeNameFilter":{"mustMatchAny":[{"mustMatchRegexes":["^config/"],"mustNotMatchRegexes":["opt"]}]},'
            '"experimentIdsFilter":["acme/vision/VIS-1"],"nextPage":{"limit":10000},"projectIdentifiers":["acme/vision"]}'
        ),
    ),
    (
        requests.ValuesRequest,
        (
            '{"attributeNamesFilter":["config/layers","config/lr"],'
            '"experimentIdsFilter":["acme/vision/VIS-1","acme/vision/VIS-2"],"nextPage":{"limit":10000}}'
        ),
    ),
    (requests.RunAttributesRequest, '{"attributePathsFilter":["config/lr"]}'),
    (
        requests.SignedUrlRequest,
        '{"files":[{"path":"run-a/model/ckpt/abc.bin","permission":"read","project_identifier":"acme/vision"}]}',
    ),
    (
        requests.SignedUrlAnswer,
        '{"files":[{"project_identifier":"acme/vision","path":"abc.bin","url":"http://127.0.0.1/abc","provider":"gcp"}]}',
    ),
    (requests.ExchangedTokens, '{"accessToken":"a","refreshToken":"r","username":"stub-user"}'),
    (requests.RefreshedTokens, '{"access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":3600.0}'),
    (
        requests.Project,
        '{"id":"0b0e","name":"vision","organizationId":"0b0f","organizationName":"acme","projectKey":"VIS","version":3}',
    ),
]


@pytest.mark.parametrize(("message", "text"), CAPTURED, ids=[message.__name__ for message, _ in CAPTURED])
def test_captured_bodies_read_and_write_unchanged(message: type[msgspec.Struct], text: str) -> None:
    decoded = decode_message(text.encode(), message)
    assert encode_message(decoded).decode() == text


def test_client_configuration() -> None:
    body = (
        b'{"apiUrl":"http://h","applicationUrl":"http://h","pyLibVersions":{"minRecommendedVersion":"0.0.0"},'
        b'"security":{"clientId":"neptune-cli","openIdDiscovery":"http://h/d"},"unknown":[1]}'
    )
    config = decode_message(body, requests.ClientConfig)
    assert config.security.client_id == "neptune-cli"
    assert decode_message(encode_message(config), requests.ClientConfig) == config


def test_null_counts_as_absent_and_unknown_keys_do_not_matter() -> None:
    body = b'{"attributeNameFilter":{"mustMatchRegexes":["^config/"]},"attributeNamesFilter":null,"future":{"a":[1]}}'
    request = decode_message(body, requests.ValuesRequest)
    assert request.attribute_names_filter is None
    assert encode_message(request) == b'{"attributeNameFilter":{"mustMatchRegexes":["^config/"]}}'


def test_an_empty_list_is_not_an_absent_one() -> None:
    request = decode_message(
        b'{"experimentIdsFilter":[],"attributeNameFilter":{"mustMatchAny":[]}}', requests.DefinitionsRequest
    )
    assert request.experiment_ids_filter == []
    assert request.attribute_name_filter == requests.NameFilter(must_match_any=[])


@pytest.mark.parametrize(
    ("sorting", "aggregation"),
    [
        ('{"aggregationMode":"none","sortBy":{"name":"sys/id","type":"string"},"dir":"descending"}', None),
        ('{"aggregationMode":"min","sortBy":{"name":"m","type":"floatSeries"},"dir":"ascending"}', "min"),
        ('{"sortBy":{"name":"m","type":"floatSeries","aggregationMode":"variance"}}', "variance"),
        ('{"sortBy":{"name":"m","type":"floatSeries"}}', None),
    ],
)
def test_aggregation_beside_or_inside_sort_by(sorting: str, aggregation: str | None) -> None:
    assert decode_message(sorting.encode(), requests.Sorting).aggregation == aggregation


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"pagination":{"limit":1.5}}', r"\$\.pagination\.limit"),
        (b'{"attributeFilters":[{"path":"a"},{"path":1}]}', r"\$\.attributeFilters\[1\]\.path"),
        (b'{"query":{}}', r"query"),
        (b'{"query":{"query":"\xff"}}', "utf-8"),
        (b'{"query":', "truncated"),
        (b"[]", "object"),
        (b"{} {}", "trailing"),
        (b'{"x":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_bodies_are_refused_with_the_place(body: bytes, path: str) -> None:
    with pytest.raises(WireDecodingError, match=path):
        decode_message(body, requests.SearchRequest)


def test_long_bodies_are_refused_before_they_are_read() -> None:
    with pytest.raises(WireDecodingError, match="at most 10"):
        decode_message(b'{"query":null}', requests.SearchRequest, max_bytes=10)
    with pytest.raises(WireDecodingError, match="at most 10"):
        requests.decode_float_series_request(b'{"perSeriesPointsLimit":1}', max_bytes=10)


def test_tokens_are_not_shown() -> None:
    exchanged = requests.ExchangedTokens(access_token="secret-a", refresh_token="secret-r", username="me")
    refreshed = requests.RefreshedTokens(access_token="secret-a", refresh_token="secret-r")
    assert "secret" not in f"{exchanged!r} {exchanged} {refreshed!r} {refreshed}"


def test_float_series_request_as_captured() -> None:
    body = requests.encode_float_series_request(
        ["0", "1"],
        ["acme/vision/VIS-1", "acme/vision/VIS-1"],
        ["train/acc", "train/loss"],
        requests.SeriesTerms(
            lineage="NONE",
            lineage_entity_type="EXPERIMENT",
            include_preview=True,
            per_series_points_limit=3,
            step_range=(2.0, 8.0),
            order="descending",
        ),
    )
    assert body.decode() == (
        '{"perSeriesPointsLimit":3,"requests":['
        '{"requestId":"0","series":{"attribute":"train/acc","holder":{"identifier":"acme/vision/VIS-1","type":"experiment"},'
        '"includePreview":true,"lineage":"NONE","lineageEntityType":"EXPERIMENT"}},'
        '{"requestId":"1","series":{"attribute":"train/loss","holder":{"identifier":"acme/vision/VIS-1","type":"experiment"},'
        '"includePreview":true,"lineage":"NONE","lineageEntityType":"EXPERIMENT"}}],'
        '"order":"descending","stepRange":{"from":2.0,"to":8.0}}'
    )


def test_float_series_continued_after_a_step_as_captured() -> None:
    body = requests.encode_float_series_request(
        ["0"],
        ["acme/vision/VIS-1"],
        ["train/loss"],
        requests.SeriesTerms(
            lineage="FULL",
            lineage_entity_type="EXPERIMENT",
            include_preview=False,
            per_series_points_limit=4,
            order="descending",
        ),
        after_steps=pa.array([6.0]),
    )
    assert body.decode() == (
        '{"perSeriesPointsLimit":4,"requests":[{"requestId":"0","series":{"attribute":"train/loss",'
        '"holder":{"identifier":"acme/vision/VIS-1","type":"experiment"},"includePreview":false,"lineage":"FULL",'
        '"lineageEntityType":"EXPERIMENT"},"afterStep":6.0}],"order":"descending","stepRange":{"from":null,"to":null}}'
    )


def test_object_series_request_as_captured() -> None:
    body = requests.encode_object_series_request(
        ["0", "1"],
        ["acme/vision/VIS-1", "acme/vision/VIS-1"],
        ["hist/w", "logs/notes"],
        requests.SeriesTerms(
            lineage="FULL",
            lineage_entity_type="EXPERIMENT",
            per_series_points_limit=2,
            order="descending",
            step_range=(None, 3.0),
        ),
        search_after=pa.array(["3", None]),
    )
    assert body.decode() == (
        '{"requests":[{"requestId":"0","series":{"attribute":"hist/w","holder":{"identifier":"acme/vision/VIS-1",'
        '"type":"experiment"},"lineage":"FULL","lineageEntityType":"EXPERIMENT"},'
        '"searchAfter":{"finished":false,"token":"3"}},'
        '{"requestId":"1","series":{"attribute":"logs/notes","holder":{"identifier":"acme/vision/VIS-1",'
        '"type":"experiment"},"lineage":"FULL","lineageEntityType":"EXPERIMENT"}}],'
        '"order":"descending","perSeriesPointsLimit":2,"stepRange":{"from":null,"to":3.0}}'
    )


def test_series_request_round_trip_with_hostile_names() -> None:
    names = ["plain", 'quote"back\\slash', "line\nfeed\x00\x1f", "zażółć 🎉", ""]
    ids = [str(i) for i in range(len(names))]
    holders = [f"CUSTOM/w/p/{name}/" for name in names]
    steps = pa.array([None, -0.0, 5e-324, 1.7976931348623157e308, 0.1])
    body = requests.encode_float_series_request(
        ids,
        pa.array(holders).dictionary_encode(),
        pa.array(names),
        requests.SeriesTerms(
            lineage="FULL",
            lineage_entity_type=None,
            include_preview=True,
            per_series_points_limit=1_000_000,
            step_range=(-1e-7, 1e22),
        ),
        after_steps=steps,
    )
    assert [entry["series"]["attribute"] for entry in json.loads(body)["requests"]] == names
    assert {entry["series"]["holder"]["type"] for entry in json.loads(body)["requests"]} == {"experiment"}
    decoded = requests.decode_float_series_request(body)
    assert decoded.series.column("attribute").to_pylist() == names
    assert decoded.series.column("holder").to_pylist() == holders
    assert decoded.series.column("entity_type").null_count == 5
    assert decoded.series.column("include_preview").to_pylist() == [True] * 5
    assert decoded.step_range == (-1e-7, 1e22)
    assert decoded.per_series_points_limit == 1_000_000
    after = decoded.series.column("after_step")
    assert after.to_pylist() == steps.to_pylist()
    assert np.signbit(after[1].as_py())


def test_requests_of_other_clients() -> None:
    request = requests.decode_float_series_request(
        b'{"order": "ascending", "stepRange": null, "perSeriesPointsLimit": 10000, "requests": [{"afterStep": null,'
        b' "requestId": "0", "series": {"holder": {"identifier": "acme/vision/VIS-1", "type": "experiment"},'
        b' "attribute": "train/loss", "normalizeToFirstValue": false}}]}'
    )
    assert request.step_range == (None, None)
    row = request.series.to_pylist()[0]
    assert (row["lineage"], row["entity_type"], row["include_preview"], row["after_step"]) == (None, None, None, None)
    empty = requests.decode_object_series_request(
        b'{"requests":[],"order":"ascending","stepRange":{"from":null,"to":3}}'
    )
    assert (empty.series.num_rows, empty.per_series_points_limit, empty.step_range) == (0, None, (None, 3.0))


ONE_POINT = requests.SeriesTerms("FULL", "RUN", per_series_points_limit=1)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_steps_that_json_cannot_say_are_refused_before_sending(bad: float) -> None:
    with pytest.raises(NeptuneUserError, match="step_range"):
        requests.encode_object_series_request([], [], [], requests.SeriesTerms("FULL", "RUN", step_range=(bad, None)))
    with pytest.raises(NeptuneUserError, match="finite"):
        requests.encode_float_series_request(["0"], ["h"], ["a"], ONE_POINT, after_steps=pa.array([bad]))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"perSeriesPointsLimit":1}', r"\$\.requests"),
        (b'{"requests":[]}', r"\$\.perSeriesPointsLimit"),
        (b'{"perSeriesPointsLimit":1.5,"requests":[]}', r"\$\.perSeriesPointsLimit"),
        (b'{"perSeriesPointsLimit":true,"requests":[]}', r"\$\.perSeriesPointsLimit"),
        (b'{"perSeriesPointsLimit":1,"requests":[null]}', r"\$\.requests"),
        (b'{"perSeriesPointsLimit":1,"requests":[{"requestId":"0","series":{"attribute":"a","holder":{}}}]}', "holder"),
        ((b'{"perSeriesPointsLimit":1,"requests":[{"requestId":"0","afterStep":"x","series":{"attribute":"a",'
         b'"holder":{"identifier":"h"}}}]}'), "afterStep"),
        (b'{"perSeriesPointsLimit":1,"requests":{}}', "list"),
        (b'{"perSeriesPointsLimit":1,"requests":' + b"[" * 100_000, "nested too deeply"),
        (b'{"perSeriesPointsLimit":1,"requests":' + b"[" * 500 + b"]" * 500 + b"}", "struct"),
        (b"null", "object"),
        (b"", "truncated"),
    ],
)  # fmt: skip
def test_bad_series_requests_are_refused(body: bytes, path: str) -> None:
    with pytest.raises(WireDecodingError, match=path):
        requests.decode_float_series_request(body)


STEPS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None)
@given(
    names=st.lists(st.text(max_size=8), max_size=5),
    steps=st.lists(STEPS, min_size=5, max_size=5) | st.none(),
    step_range=st.tuples(STEPS, STEPS),
    entity_type=st.sampled_from([None, "RUN", "EXPERIMENT"]),
    include_preview=st.booleans(),
    order=st.sampled_from(["ascending", "descending"]),
    encoded=st.booleans(),
)
def test_requests_for_float_points_say_the_same_in_both_formats(
    names: list[str],
    steps: list[float | None] | None,
    step_range: tuple[float | None, float | None],
    entity_type: str | None,
    include_preview: bool,
    order: str,
    encoded: bool,
) -> None:
    count = len(names)
    texts = pa.array(names, pa.string())
    columns = [[str(number) for number in range(count)], [f"w/p/{name}" for name in names], names]
    if encoded:
        columns[1:] = [pa.array(columns[1], pa.string()).dictionary_encode(), texts.dictionary_encode()]
    terms = requests.SeriesTerms(
        lineage="FULL",
        lineage_entity_type=entity_type,
        include_preview=include_preview,
        per_series_points_limit=7,
        step_range=step_range,
        order=order,
    )
    after_steps = None if steps is None else pa.array(steps[:count], pa.float64())
    in_json = requests.encode_float_series_request(*columns, terms, after_steps)
    in_arrow = arrow_series.encode_float_series_request(*columns, terms, after_steps)
    asked = arrow_series.decode_float_series_request(in_arrow)
    assert asked == requests.decode_float_series_request(in_json)
    assert (asked.order, asked.step_range) == (order, step_range)


def arrow_request(terms: requests.SeriesTerms = ONE_POINT, after_steps: pa.Array | None = None) -> bytes:
    return arrow_series.encode_float_series_request(["0", "1"], ["w/p/R-1"] * 2, ["a", "b"], terms, after_steps)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_steps_that_json_cannot_say_are_refused_in_arrow_too(bad: float) -> None:
    with pytest.raises(NeptuneUserError, match="step_range"):
        arrow_request(requests.SeriesTerms("FULL", step_range=(None, bad)))
    with pytest.raises(NeptuneUserError, match="finite"):
        arrow_request(after_steps=pa.array([None, bad]))


def test_damaged_arrow_requests_are_refused() -> None:
    whole = arrow_request()
    with pytest.raises(WireDecodingError, match="at most 10"):
        arrow_series.decode_float_series_request(whole, max_bytes=10)
    for body in (b"", b"{}", whole[: len(whole) // 2], whole + whole):
        with pytest.raises(WireDecodingError):
            arrow_series.decode_float_series_request(body)
    strange = encode_stream(pa.record_batch({"request_id": pa.array(["0"])}))
    with pytest.raises(WireDecodingError, match="schema"):
        arrow_series.decode_float_series_request(strange)
    batch, metadata = read_stream(whole)
    with pytest.raises(WireDecodingError, match="'terms'"):
        arrow_series.decode_float_series_request(encode_stream(batch))
    with pytest.raises(WireDecodingError, match="perSeriesPointsLimit"):
        arrow_series.decode_float_series_request(encode_stream(batch, {b"terms": b'{"lineage":"FULL"}'}))
    outside = pa.DictionaryArray.from_arrays(pa.array([0, 9], pa.int32()), pa.array(["a"]), safe=False)
    with pytest.raises(WireDecodingError):
        arrow_series.decode_float_series_request(
            encode_stream(batch.set_column(2, batch.schema.field(2), outside), metadata)
        )


def test_names_that_fill_the_memory_when_written_out_are_refused_in_arrow() -> None:
    count = 100_000
    name = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), ["n" * 30_000])
    body = arrow_series.encode_float_series_request(
        pa.array([str(number) for number in range(count)]),
        name,
        name,
        ONE_POINT,
    )
    assert len(body) < 4_000_000
    with pytest.raises(WireDecodingError, match="6000000000 bytes in all"):
        arrow_series.decode_float_series_request(body)
