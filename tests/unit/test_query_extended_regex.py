"""The dialect of patterns: the table of the neptune_query reference (3.3) and of the HTTP reference (12)."""

from __future__ import annotations

import pytest

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.extended_regex import compile_regex, parse_extended_regex
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


def test_nothing_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(QuerySyntaxError):
        compile_regex("(unclosed")
    assert capfd.readouterr() == ("", "")
