"""The dialect of patterns: the table of the neptune_query reference (3.3) and of the HTTP reference (12)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.extended_regex import check_regex, literal_names, parse_extended_regex
from neptune_frames.query.selection import NamePattern


def found(*patterns: str) -> NamePattern:
    return NamePattern(
        tuple(each for each in patterns if not each.startswith("NOT ")),
        tuple(each.removeprefix("NOT ") for each in patterns if each.startswith("NOT ")),
    )


TABLE: list[tuple[str, list[NamePattern]]] = [
    ("", [found("")]),
    ("   ", [found("")]),
    ("a|b", [found("a|b")]),
    ("a| b", [found("a| b")]),
    ("a |b", [found("a |b")]),
    ("a | b", [found("a"), found("b")]),
    ("a\t|\nb", [found("a"), found("b")]),
    ("a & b", [found("a", "b")]),
    ("a  &\tb", [found("a", "b")]),
    ("a&b", [found("a&b")]),
    ("!a", [found("NOT a")]),
    ("! a", [found("NOT a")]),
    ("a & !b", [found("a", "NOT b")]),
    ("a & !!b", [found("a", "NOT !b")]),
    ("!!", [found("NOT !")]),
    ("!", [found("NOT ")]),
    ("!a !b", [found("NOT a !b")]),
    ("a | b & !c", [found("a"), found("b", "NOT c")]),
    ("! a & !b | c", [found("NOT a", "NOT b"), found("c")]),
    ("a & b & !c & !d", [found("a", "b", "NOT c", "NOT d")]),
    ("a|!b", [found("a|!b")]),
    ("a\\x20| b", [found("a | b")]),
    ("a\\x20|\\x20b", [found("a | b")]),
    ("x\\x20& y", [found("x & y")]),
    ("\\x21a", [found("!a")]),
    ("\\x26", [found("\\x26")]),
    ("&", [found("&")]),
    ("& a", [found("& a")]),
    ("a & ", [found("a &")]),
    ("& & &", [found("&", "&")]),
    ("& & & &", [found("&", "& &")]),
    ("|", [found("|")]),
    ("a |", [found("a |")]),
    ("| a", [found("| a")]),
    ("a | | b", [found("a"), found("| b")]),
    ("a b", [found("a b")]),
    ("a !b", [found("a !b")]),
    ("a\N{NO-BREAK SPACE}|\N{NO-BREAK SPACE}b", [found("a\N{NO-BREAK SPACE}|\N{NO-BREAK SPACE}b")]),
    ("a\v|\vb", [found("a\v|\vb")]),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_table(text: str, expected: list[NamePattern]) -> None:
    assert list(parse_extended_regex(text)) == expected


@pytest.mark.parametrize(
    "text", ["(a | b)", "(a | b) & c", "!(a | b)", "[ | ]", r"a\ | b", "(", "a{1001}", r"\1", "(?=a)"]
)
def test_parts_that_are_no_regular_expression(text: str) -> None:
    with pytest.raises(QuerySyntaxError, match="not valid RE2"):
        parse_extended_regex(text)


def test_the_message_names_the_broken_part() -> None:
    with pytest.raises(QuerySyntaxError, match=r"'\(a' is not valid RE2: missing \)") as caught:
        parse_extended_regex("x | (a & b")
    assert caught.value.query == "(a"


@pytest.mark.parametrize(
    ("refuse", "hint"),
    [
        (lambda: parse_extended_regex("x | (a & b"), True),
        (lambda: parse_extended_regex("(a & b)"), True),
        (lambda: parse_extended_regex(" !(a "), False),
        (lambda: parse_extended_regex("[a|b"), False),
        (lambda: check_regex("a | [b"), False),
    ],
)
def test_only_patterns_that_were_split_are_said_to_be(refuse: Callable[[], object], hint: bool) -> None:
    with pytest.raises(QuerySyntaxError, match="not valid RE2") as caught:
        refuse()
    assert ("which is split at" in str(caught.value)) is hint
    assert ("x20" in str(caught.value)) is hint


def test_nothing_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(QuerySyntaxError):
        check_regex("(unclosed")
    assert capfd.readouterr() == ("", "")


def test_messages_stay_short() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        check_regex("(" * 5000)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("^a$", ("a",)),
        ("^(a)$", ("a",)),
        ("^(a|b c|d/e)$", ("a", "b c", "d/e")),
        ("^(?:a|b)$", ("a", "b")),
        (r"^(lr\ rate|a\-b\#c\~d\&e|\|\\)$", ("lr rate", "a-b#c~d&e", "|\\")),
        ("^(ż|two\nlines)$", ("ż", "two\nlines")),
        *(
            (pattern, None)
            for pattern in ["a", "^a", "a$", "^(a|b)", "^a|b$", "^(a|)$", "^()$", "^$", "^(a.b)$", "^(a*)$"]
        ),
        *(
            (pattern, None)
            for pattern in [r"^\d$", r"^(a|\w)$", r"^\_$", "^(?i)a$", "^(?i:a)$", "^[ab]$", "^a{2}$", "^(a|b)c$"]
        ),
        *((pattern, None) for pattern in [r"^a\$", r"^\ż$", "^a$b$", "^(a)(b)$", "^((a))$", "^a$\n"]),
    ],
)
def test_literal_names(pattern: str, names: tuple[str, ...] | None) -> None:
    assert literal_names(pattern) == names
    for name in names or ():
        assert re2.search(pattern, name)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_escaped_names_are_found_again(names: list[str]) -> None:
    pattern = "^(" + "|".join(map(re.escape, names)) + ")$"
    assert literal_names(pattern) == tuple(names)
    assert all(re2.search(pattern, name) for name in names)
