"""Errors that stand for several: each is caught as every class that callers are told to catch."""

from __future__ import annotations

import pickle
import re

import pytest

from neptune_frames import warnings
from neptune_frames.errors import (
    DamagedFileError,
    MismatchedAnswerError,
    NeptuneError,
    NeptuneRetryError,
    NeptuneUnexpectedResponseError,
    NeptuneUserError,
    NotNeptuneServerError,
    QuerySyntaxError,
    WireDecodingError,
)
from neptune_frames.query.filters import Filter
from neptune_frames.sources.remote.responses import RetryableAnswer
from neptune_frames.sources.remote.retries import RetryPolicy
from neptune_frames.warnings import Http5xxWarning

ADDRESS = "https://user:s3cret@host/api"


def _named(error: WireDecodingError) -> WireDecodingError:
    error.name_request(ADDRESS)
    return error


def test_refused_pattern_is_what_a_server_would_have_refused() -> None:
    with pytest.raises(NeptuneUnexpectedResponseError) as caught:
        Filter.name("(")
    assert isinstance(caught.value, (QuerySyntaxError, NeptuneUserError, ValueError))
    assert caught.value.status_code == 400
    assert "'('" in str(caught.value)


def test_the_last_failure_is_told_without_passwords() -> None:
    failure = OSError("cannot reach\n http://user:secret@proxy:1")
    error = NeptuneRetryError(2, 1.5, url="http://h/p", last_error=failure)
    assert "last: no answer (OSError: cannot reach http://***@proxy:1)." in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "last: no answer (TimeoutError)." in str(NeptuneRetryError(2, 1.5, last_error=TimeoutError()))
    assert "last: no answer." in str(NeptuneRetryError(2, 1.5))
    assert "last: HTTP status 503: busy." in str(NeptuneRetryError(2, 1.5, 503, b"busy", last_error=failure))


@pytest.mark.parametrize(
    "error",
    [
        NeptuneError(f"no answer from {ADDRESS}"),
        NeptuneRetryError(2, 1.5, url=ADDRESS),
        NeptuneUnexpectedResponseError(404, f"try {ADDRESS}", url=ADDRESS),
        NotNeptuneServerError(404, b"", url=ADDRESS),
        MismatchedAnswerError(f"{ADDRESS} has no page"),
        _named(WireDecodingError("no message")),
        _named(MismatchedAnswerError("no page")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_error_shows_the_password_of_an_address(error: NeptuneError) -> None:
    assert "https://***@host/api" in str(error)
    for shown in (error, repr(error), pickle.loads(pickle.dumps(error))):
        assert "s3cret" not in str(shown)


def test_answers_that_cannot_be_decoded_show_no_token() -> None:
    token = "eyJhcGlfYWRkcmVzcyI6Imh0dHBzOi8vYSIsImFwaV9rZXkiOiJrIn0="
    for error in (WireDecodingError(token), MismatchedAnswerError(token)):
        assert token not in str(error)
        error.name_request(token)
        assert str(error).startswith("The answer to (a token)")
        assert token not in str(error)


def test_the_warning_of_another_try_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "_last_shown", {})  # another test may have had one within the last seconds

    def fail() -> None:
        raise RetryableAnswer(500, b"", None)

    policy = RetryPolicy(sleep=lambda _: None)
    with (
        pytest.warns(Http5xxWarning, match=re.escape("to https://***@host/api failed")),
        pytest.raises(NeptuneRetryError),
    ):
        policy.run(fail, url=ADDRESS, tries=2)


def test_refused_query_keeps_its_parts_when_pickled() -> None:
    error = QuerySyntaxError("No {operator} here", query="a ~ b", position=2)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.query, copy.position) == ("No {operator} here (at character 3)", "a ~ b", 2)


def test_sentences_end_once() -> None:
    assert "not a parquet file. Restore" in str(DamagedFileError("a.parquet", "not a parquet file."))
    told = str(NeptuneRetryError(1, 1.5, 503, b"busy."))
    assert "failed after 1 retry within 1.50 seconds; last: HTTP status 503: busy. The limits" in told


def test_pages_and_binary_content_are_not_shown() -> None:
    for content, shown in ((b"<html>x</html>", "(a page of HTML or XML)"), (b"\xff", "(no text, but 1 byte)")):
        assert str(NeptuneUnexpectedResponseError(404, content)).endswith(f"HTTP status 404: {shown}")
