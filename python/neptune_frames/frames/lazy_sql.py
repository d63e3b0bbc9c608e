"""SQL over lazy scans: queries only, over the tables there are, reading no files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

import polars as pl
from polars.exceptions import ColumnNotFoundError, SQLInterfaceError, SQLSyntaxError

from neptune_frames.query.selection import ContainerKind
from neptune_frames.schemas import POINT_TIME

#: Words that a query begins with.
_QUERIES = ("select", "with", "from", "values")
#: Words that a table follows.
_BEFORE_TABLES = ("from", "join", ",")
#: Table functions of Polars that read files begin so.
_READERS = "read_"

#: What to write instead of statements that other databases have.
_INSTEAD = dict.fromkeys(
    ("describe", "desc", "pragma", "show"), ' nf.sql("select * from metrics", ...).collect_schema() shows the columns.'
)

#: What may be meant by tables that are not there, beside names that are written alike.
_MEANT = {"experiments": "runs", "points": "metrics", "values": "attributes", "parameters": "run_table"}

#: The columns that say whose row it is; most tables have the one that the query was asked by.
_LABELS = {kind.value for kind in ContainerKind}

#: Words of SQL that name a table here; unquoted, the parser takes them for something else.
RESERVED = {"table": "run_table"}

_NOT_FOUND = re.compile(r"relation '(?P<name>.*)' was not found")
_NO_COLUMN = re.compile(
    r"""unable\ to\ find\ column\ "(?P<name>.*)";\ valid\ columns:
    |no\ column\ named\ '(?P<of_table>.*)'\ found\ in\ table""",
    re.DOTALL | re.VERBOSE,
)
#: What Polars says behind its message: where in its plan it was, which nobody wrote.
_PLACE_IN_PLAN = "\n\nResolved plan until failure"

#: As the parser of Polars splits a text. Comments nest, so that only their beginning is here.
_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*)
    |(?P<comment>/\*)
    |(?P<text>'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |"(?P<quoted>(?:[^"]|"")*)"|`(?P<back_quoted>(?:[^`]|``)*)`
    |(?P<word>[^\W\d][\w@$#]*)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class _Token:
    """A word, a quoted name or a sign, in lower case; quoted texts and comments are none."""

    text: str
    is_quoted: bool = False


def query(text: str, tables: Mapping[str, Callable[[], pl.LazyFrame]]) -> pl.LazyFrame:
    """The lazy frame that a query stands for; of the tables, only those that it names are set up.

    Args:
        text: The query, in the dialect of `polars.SQLContext`: a SELECT, EXPLAIN of one, or SHOW TABLES.
        tables: Makes the frame of each table that there is.

    Raises:
        TypeError: The query is not text.
        polars.exceptions.SQLInterfaceError: It is another statement, cannot be understood, or names another table.
        polars.exceptions.ColumnNotFoundError: It names a column that no table has.
    """
    if not isinstance(text, str):
        raise TypeError(f"nf.sql takes a query as a string, got {type(text).__name__}.")
    tokens = _tokens(text)
    if [token.text for token in tokens if token.text != ";"] == ["show", "tables"]:
        # A list of names: nothing is asked for it, which the columns of some tables need.
        return pl.LazyFrame({"name": sorted(tables)}, schema={"name": pl.String})
    _check(tokens)
    named = {token.text for token in tokens if token.is_quoted or token.text not in RESERVED}
    frames = {name: make() for name, make in tables.items() if name in named}
    frames |= {name: tables[meant]() for name, meant in RESERVED.items() if name in named}
    try:
        lazy = pl.SQLContext(frames, eager=False).execute(text)
        lazy.collect_schema()  # mistakes come out here, not when the query is collected
    except (SQLInterfaceError, SQLSyntaxError, ColumnNotFoundError) as error:
        message = str(error).split(_PLACE_IN_PLAN)[0]
        missing = _NO_COLUMN.match(message)
        if missing is None:
            message = _said_better(message, tokens, sorted(tables)) or message
        else:
            message += _column_meant(missing["name"] or missing["of_table"], tokens, frames, message)
        raise type(error)(message) from None
    return lazy


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:  # never: any character is a token
            break
        position = found.end()
        if found["comment"]:
            position = _end_of_comment(text, position)
        elif (quoted := found["quoted"] if found["back_quoted"] is None else found["back_quoted"]) is not None:
            tokens.append(_Token(quoted.lower(), is_quoted=True))
        elif found["word"] or found["other"]:
            tokens.append(_Token(found[0].lower()))
    return tokens


def _end_of_comment(text: str, position: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position


def _check(tokens: Sequence[_Token]) -> None:
    """See that it is a query, and reads no file."""
    words = [token.text for token in tokens if token.text != "("]
    if words[:1] == ["explain"]:
        words = words[2:] if words[1:2] == ["analyze"] else words[1:]
    if not words or words[0] not in _QUERIES:
        begins = f"this one begins with {words[0].upper()}" if words else "this one is empty"
        raise SQLInterfaceError(
            "nf.sql takes queries only (SELECT, WITH ... SELECT, EXPLAIN, SHOW TABLES): experiment data is read, "
            f"never changed; {begins}.{_INSTEAD.get(words[0], '') if words else ''}"
        )
    for token, following in pairwise(tokens):
        if token.text.startswith(_READERS) and following.text == "(":
            raise SQLInterfaceError(
                f"nf.sql reads no files, so {token.text}(...) cannot be used. Read the file with Polars and join it: "
                "nf.sql(...) gives a lazy frame."
            )


def _said_better(message: str, tokens: Sequence[_Token], tables: Sequence[str]) -> str | None:
    """What is said instead of an error of Polars; None if nothing is known that it does not say."""
    missing = _NOT_FOUND.search(message)
    if missing is not None:
        return _no_table(missing["name"], tables)
    for token, following in pairwise(tokens):
        if following.text in RESERVED and not following.is_quoted and token.text in _BEFORE_TABLES:
            return (
                f"{following.text} is a word of SQL, which cannot name a table without quotes. Write "
                f'{RESERVED[following.text]} (or "{following.text}", in double quotes). Polars says: {message}'
            )
    return None


def _column_meant(name: str, tokens: Sequence[_Token], frames: Mapping[str, pl.LazyFrame], message: str) -> str:
    """What may be meant by a column that is not there, to follow the message of Polars."""
    columns = list(dict.fromkeys(column for frame in frames.values() for column in frame.collect_schema()))
    within = next((column for column in columns if column.startswith(f"{name}/")), None)
    same = next((column for column in columns if column.lower() == name.lower() and column != name), None)
    close = next(iter(get_close_matches(name, columns, 1)), None)
    if name in _LABELS and not _LABELS.isdisjoint(columns):
        other = next(iter(_LABELS - {name}))
        return (
            f"\nRows are labelled by {other}, because the query was given {other}s=. Pass {name}s= instead, or join "
            f"the table runs, which has both."
        )
    if name == POINT_TIME.name:
        return '\nPass include_time="absolute" for the times of points.'
    if within is not None:
        return f'\nNames with a slash are written in double quotes: "{within}".'
    if same is not None:
        return f'\nUpper and lower case differ: the column is "{same}".'
    if close is not None:
        return "" if "Did you mean" in message else f'\nDid you mean "{close}"?'
    if _Token(name.lower(), is_quoted=True) in tokens:
        return f"\nDouble quotes mark names of columns; texts are written in single quotes: '{name}'."
    return ""


def _no_table(name: str, tables: Sequence[str]) -> str:
    close = _MEANT.get(name.lower()) or next(iter(get_close_matches(name.lower(), tables, 1)), None)
    meant = f" Did you mean {close}?" if close else ""
    if name.lower() == "experiments":
        meant += " Its rows are experiments if you pass experiments=."
    return f"There is no table {name!r}; the tables are {', '.join(tables)}.{meant}"
