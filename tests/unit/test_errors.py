"""Errors that stand for several: each is caught as every class that callers are told to catch."""

from __future__ import annotations

import pickle

import pytest

from neptune_frames.errors import NeptuneUnexpectedResponseError, NeptuneUserError, QuerySyntaxError
from neptune_frames.query.filters import Filter


def test_refused_pattern_is_what_a_server_would_have_refused() -> None:
    with pytest.raises(NeptuneUnexpectedResponseError) as caught:
        Filter.name("(")
    assert isinstance(caught.value, (QuerySyntaxError, NeptuneUserError, ValueError))
    assert caught.value.status_code == 400
    assert "'('" in str(caught.value)


def test_refused_query_keeps_its_parts_when_pickled() -> None:
    error = QuerySyntaxError("No {operator} here", query="a ~ b", position=2)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.query, copy.position) == ("No {operator} here (at character 3)", "a ~ b", 2)
