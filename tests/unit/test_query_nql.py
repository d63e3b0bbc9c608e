"""NQL text: what is read, where errors are found, what the limits are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.expressions import And, Comparison, Contains, Exists, Expression, Matches, Not, Operand, Or
from neptune_frames.query.nql import MAX_LENGTH, MAX_NESTING, parse, render

X = Operand("x")
A, B, C = Exists(Operand("a")), Exists(Operand("b")), Exists(Operand("c"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (" \t\r\n ", None),
        ("x EXISTS", Exists(X)),
        ("x exists", Exists(X)),
        ("x not Exists", Exists(X, negated=True)),
        ("NOT x EXISTS", Not(Exists(X))),
        ("not not x EXISTS", Not(Not(Exists(X)))),
        ("((x EXISTS))", Exists(X)),
        ("x = 1", Comparison(X, "==", "1")),
        ("x=1", Comparison(X, "==", "1")),
        ("x == 1", Comparison(X, "==", "1")),
        ("x NOT = 1", Not(Comparison(X, "==", "1"))),
        ("x NOT != 1", Not(Comparison(X, "!=", "1"))),
        ("x>=-0.5", Comparison(X, ">=", "-0.5")),
        ('x<"a b"', Comparison(X, "<", "a b")),
        ("x contains @ml-team", Contains(X, "@ml-team")),
        ('x NOT CONTAINS""', Contains(X, "", negated=True)),
        ('x MATCHES "a"', Matches(X, "a")),
        ('x not\nmatches "a"', Matches(X, "a", negated=True)),
        ("x:int = 1", Comparison(Operand("x", "int"), "==", "1")),
        ("x : integer = 1", Comparison(Operand("x", "int"), "==", "1")),
        ("x:file EXISTS", Exists(Operand("x", "file"))),
        ("x:fileRef EXISTS", Exists(Operand("x", "file"))),
        ("x:fileSeries EXISTS", Exists(Operand("x", "file_series"))),
        ("x:fileRefSeries EXISTS", Exists(Operand("x", "file_series"))),
        ("x:experimentState = idle", Comparison(Operand("x", "experiment_state"), "==", "idle")),
        ("LAST (\nx : floatSeries\t) > 1", Comparison(Operand("x", "float_series", "last"), ">", "1")),
        ("variance(`x`)>1", Comparison(Operand("x", None, "variance"), ">", "1")),
        ("last = 1", Comparison(Operand("last"), "==", "1")),
        ("min:int = 1", Comparison(Operand("min", "int"), "==", "1")),
        ("NOTE = ANDROID", Comparison(Operand("NOTE"), "==", "ANDROID")),
        ("not/a.b-c = or/d", Comparison(Operand("not/a.b-c"), "==", "or/d")),
        ("`AND` = 'x".replace("'", '"') + '"', Comparison(Operand("AND"), "==", "x")),
        ("żółć = żółć", Comparison(Operand("żółć"), "==", "żółć")),
        ("x = 2024-02-06T05:00:00+09:00", Comparison(X, "==", "2024-02-06T05:00:00+09:00")),
        (r"`a\`b\\c\d` EXISTS", Exists(Operand(r"a`b\c\d"))),
        (r'x = "a\"b\\c\d`"', Comparison(X, "==", r'a"b\c\d`')),
        ('x = "two\nlines"', Comparison(X, "==", "two\nlines")),
        ("`two\nlines` EXISTS", Exists(Operand("two\nlines"))),
        ("a EXISTS AND b EXISTS AND c EXISTS", And((A, B, C))),
        ("a EXISTS OR b EXISTS AND c EXISTS", Or((A, And((B, C))))),
        ("(a EXISTS OR b EXISTS) AND c EXISTS", And((Or((A, B)), C))),
        ("NOT a EXISTS AND b EXISTS", And((Not(A), B))),
        ("NOT (a EXISTS and b EXISTS)", Not(And((A, B)))),
        ("((a EXISTS) AND (b EXISTS)) AND (c EXISTS)", And((And((A, B)), C))),
        ("NOT(a EXISTS)OR(b EXISTS)", Or((Not(A), B))),
    ],
)
def test_parse(text: str, expected: Expression | None) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("()", 1, "Expected an attribute"),
        ("() OR ()", 1, "Expected an attribute"),
        ("(a EXISTS AND ())", 15, "Expected an attribute"),
        ("heron", 5, "Expected an operator"),
        ('"heron"', 0, "Expected an attribute"),
        ("(a:int = 1", 0, "never closed"),
        ("b EXISTS AND ((a = 1)", 13, "never closed"),
        ("a = 1)", 5, r"no '\('"),
        ("a:int =", 7, "Expected a value.* the query ends"),
        ("a:int = 1 b:int = 2", 10, "Expected AND, OR"),
        ("x = test on new data", 9, "Expected AND, OR"),
        ("x = 'Adam'", 4, "Expected a value"),
        ('x = "Adam', 4, "Expected a value"),
        ("`x = 1", 0, "Expected an attribute"),
        ("`` = 1", 1, "empty"),
        ("AND:int = 5", 0, "Expected an attribute"),
        ("x = OR", 4, "Expected a value"),
        ("x CONTAINS exists", 11, "Expected a value"),
        ("a EXISTS AND", 12, "ends where a clause is expected"),
        ("a EXISTS OR OR b EXISTS", 12, "Expected an attribute"),
        ("a EXISTS AND NOT", 16, "Expected an attribute"),
        ("x:double = 1", 2, "'double' is not a type"),
        ("x:float_series = 1", 2, "'float_series' is not a type"),
        ("x:Int = 1", 2, "'Int' is not a type"),
        ("x:int:int = 1", 5, "Expected an operator"),
        ("last(x = 1", 4, "Expected an operator"),
        ("sum(x) = 1", 3, "Expected an operator"),
        ("x =~ a", 3, "Expected a value"),
        ("x IN (1, 2)", 2, "Expected an operator"),
        ("xEXISTS", 7, "Expected an operator"),
        ("x NOT y", 6, "Expected an operator"),
        ("x\N{NO-BREAK SPACE}EXISTS", 1, "Expected an operator"),
        ('x = "\ud800"', 5, "not valid Unicode"),
    ],
)
def test_errors_have_a_position(text: str, position: int, reason: str) -> None:
    with pytest.raises(QuerySyntaxError, match=reason) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.query == text
    assert str(caught.value).endswith(f"(at character {position + 1})")


def test_nesting_has_a_limit() -> None:
    for opening, closing in (
        ("(", ")"),
        ("NOT ", ""),
        ("NOT (", ")"),
        ("((b EXISTS) OR ", ")"),
        ("NOT (b EXISTS AND ", ")"),
    ):
        levels = opening.count("(") - opening.count(")") + opening.count("NOT")
        allowed = MAX_NESTING // levels - 1
        assert parse(opening * allowed + "a EXISTS" + closing * allowed) is not None
        with pytest.raises(QuerySyntaxError, match="nested more than 1000 levels"):
            parse(opening * 1001 + "a EXISTS" + closing * 1001)


def test_breadth_has_no_limit() -> None:
    text = " OR ".join(f'(`sys/name`:string == "run {number}")' for number in range(6_000))
    expression = parse(text)
    assert isinstance(expression, Or)
    assert len(expression.operands) == 6_000
    assert render(expression) == text
    siblings = " AND ".join(["NOT (NOT (a EXISTS))"] * 2000)
    assert parse(siblings) is not None


def test_length_has_a_limit() -> None:
    assert parse('x = "' + "a" * 1_000_000 + '"') is not None
    with pytest.raises(QuerySyntaxError, match="at most 5000000"):
        parse(" " * (MAX_LENGTH + 1))


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 500_000 + "?",
        "a NOT" + " " * 500_000 + "?",
        "last(" + " " * 500_000,
        "a:" + " " * 500_000,
        "a =" + " " * 500_000,
        "a = " + "b" * 500_000 + "'",
        "`" + "\\`" * 250_000,
        '"' + "\\" * 500_001,
        "(" * 500_000,
        "NOT" * 200_000,
    ],
)
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(QuerySyntaxError):  # a pattern that backtracks would take hours
        parse(text)


def test_render_needs_operands() -> None:
    with pytest.raises(ValueError, match="And of nothing"):
        render(And(()))


@pytest.mark.parametrize("attribute", ["`a b`", "`a\\``:int", "` (`\n: float ", "`=`"])
@pytest.mark.parametrize("comparator", ["=", "== ", " <=", "!=\t"])
@pytest.mark.parametrize("value", ['""', '"x\\" ) OR "', '"\n"'])
def test_a_clause_reads_the_same_as_one_token_and_as_several(attribute: str, comparator: str, value: str) -> None:
    clause = f"{attribute}{comparator}{value}"
    assert parse(f"( {clause} ) ") == parse(clause) == parse(f"({clause} AND x EXISTS)").operands[0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ('(a EXISTS) OR ( `x` : double = "1")', 22, "'double' is not a type"),
        ('(a EXISTS) OR ( `` = "1")', 17, "empty"),
        ('(a EXISTS) OR (`x` = "1" b', 25, "Expected AND, OR"),
        ('(a EXISTS) OR (`x` = "1"', 14, "never closed"),
        ("(" * 1000 + '(`x` = "1")' + ")" * 1000, 1000, "nested more than 1000 levels"),
    ],
)
def test_errors_in_lists_have_a_position(text: str, position: int, reason: str) -> None:
    with pytest.raises(QuerySyntaxError, match=reason) as caught:
        parse(text)
    assert caught.value.position == position


def test_a_text_that_comes_again_is_not_read_again() -> None:
    text = "a EXISTS AND b EXISTS"
    assert parse(text) is parse("".join(list(text)))


def test_lark_is_imported_for_the_first_text() -> None:
    script = (
        "import sys; from neptune_frames.query import nql; assert 'lark' not in sys.modules; "
        "nql.parse('a EXISTS'); assert 'lark' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
