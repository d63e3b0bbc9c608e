"""Lists of objects of texts are read the same by their quotes as value by value."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.json import text_objects
from neptune_frames.wire.json.decoding import decode_object
from neptune_frames.wire.json.text_objects import decode_text_list

ITEM = pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("type", pa.string(), nullable=False)])
MESSAGE = pa.struct(
    [pa.field("entries", pa.large_list(pa.field("item", ITEM, nullable=False))), pa.field("token", pa.string())]
)
#: What JSON is made of, escapes, letters of several bytes, and what is none of these.
TEXTS = st.text(st.sampled_from('{}[]:,"\\ntrue/é€𝄞 \0\n\u2028') | st.characters(codec="utf-8"), max_size=6)
PLAIN = st.text(st.sampled_from("{}[]:, ab/é€𝄞"), max_size=6)
ITEMS = st.fixed_dictionaries({"name": PLAIN, "type": PLAIN})
ODD_ITEMS = (
    st.fixed_dictionaries({"name": TEXTS, "type": TEXTS})
    | st.fixed_dictionaries({"type": PLAIN, "name": PLAIN})
    | st.fixed_dictionaries({"name": PLAIN, "type": PLAIN, "more": PLAIN})
    | st.fixed_dictionaries({"name": PLAIN, "type": st.none() | st.integers() | st.booleans()})
    | st.just({})
)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """An object with many entries, mostly alike, perhaps beside another list of the same kind."""
    few = draw(st.lists(ITEMS, min_size=1, max_size=4))
    many = few * draw(st.integers(20, 80))
    if draw(st.booleans()):
        many.insert(draw(st.integers(0, len(many))), draw(ODD_ITEMS))
    members: list[tuple[str, Any]] = [("entries", many)]
    if draw(st.booleans()):
        members.append(("token", draw(st.none() | TEXTS)))
    if draw(st.booleans()):
        members.append((draw(st.sampled_from(["other", "entries"])), draw(st.lists(ITEMS, max_size=3)) * 70))
    return dict(draw(st.permutations(members)))


def read(body: bytes, how: Any) -> list[Any] | str:
    try:
        return how(body)
    except WireDecodingError as error:
        return str(error)


def by_value(body: bytes) -> list[Any]:
    answer = decode_object(body, MESSAGE)
    return [answer.field("entries").flatten().to_pylist(), answer.field("token").to_pylist()]


def by_quotes(body: bytes) -> list[Any]:
    answer, items = decode_text_list(body, MESSAGE, "entries")
    assert items.type == ITEM
    items.validate(full=True)
    return [items.to_pylist(), answer.field("token").to_pylist()]


@settings(max_examples=200, deadline=None)
@given(answers(), st.sampled_from([(",", ":"), (", ", ": "), (",  ", ":")]), st.booleans(), st.data())
def test_both_ways_agree(
    answer: dict[str, Any], separators: tuple[str, str], ascii_only: bool, data: st.DataObject
) -> None:
    body = json.dumps(answer, separators=separators, ensure_ascii=ascii_only).encode()
    if data.draw(st.booleans(), "damaged"):
        place = data.draw(st.integers(0, len(body) - 1))
        body = body[:place] + data.draw(st.sampled_from([b"", b'"', b",", b"}", b"\\", b"\xff"])) + body[place + 1 :]
    assert read(body, by_quotes) == read(body, by_value)


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many objects were read by their quotes, at each call."""
    seen: list[int] = []
    cut = text_objects._cut

    def watched(buffer: Any) -> Any:
        found = cut(buffer)
        seen.append(0 if found is None else len(found.columns["name"]))
        return found

    monkeypatch.setattr(text_objects, "_cut", watched)
    return seen


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_alike_objects_are_read_by_their_quotes(cuts: list[int], separators: tuple[str, str]) -> None:
    entries = [{"name": f"loss/é{number}", "type": "float"} for number in range(100)]
    body = json.dumps({"entries": entries, "token": 'a"b'}, separators=separators, ensure_ascii=False).encode()
    assert by_quotes(body.replace(b'\\"', b"")) == [entries, ["ab"]]
    assert cuts == [100]


def test_objects_of_another_list_are_left_to_it(cuts: list[int]) -> None:
    others = [{"name": f"other {number}", "type": "int"} for number in range(100)]
    body = json.dumps({"other": others, "entries": [{"name": "mine", "type": "int"}]}, separators=(",", ":")).encode()
    assert by_quotes(body) == [[{"name": "mine", "type": "int"}], [None]]
    assert cuts == [100]


def test_little_memory_is_taken_for_objects_unlike_a_long_first_one() -> None:
    """If the text of the first one were looked for at each of the quotes, that would be gigabytes."""
    long = b'{"name":"a","type"' + b" " * 4000 + b':"int"}'
    body = b'{"entries":[' + long + b"," + b'{"name":"","type":""},' * 100_000 + long + b"]}"
    tracemalloc.start()
    assert len(by_quotes(body)[0]) == 100_002
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * len(body)
