"""The example project and the 99 queries of the NQL reference (section 7), row by row."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from memory_columns import MemoryColumns
from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.evaluation import evaluate
from neptune_frames.query.nql import parse, render

NOW = datetime(2024, 6, 30, 12, tzinfo=timezone.utc)
INF, NAN = float("inf"), float("nan")


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


#: One row of the reference's table per attribute; None where the run lacks it.
TABLE: dict[tuple[str, str], list[object]] = {
    ("sys/id", "string"): [f"EX-{number}" for number in range(1, 9)],
    ("sys/name", "string"): [
        "tree_32", "tree_33", "brisk-heron", "Heron-4", "experiment-12", "experiment-x", None, "tree_34",
    ],
    ("sys/experiment/is_head", "bool"): [True, True, True, True, True, True, None, False],
    ("sys/owner", "string"): ["jackie", "jackie", "bot@ml-team", "fred", "jackie", "fred", "jackie", "jackie"],
    ("sys/creation_time", "datetime"): [
        time("2024-01-15 08:00"), time("2024-02-06 05:00"), time("2024-02-05 20:30"), time("2023-12-31 23:59:59"),
        time("2024-06-28 09:00"), time("2024-06-30 11:00"), time("2024-05-31 12:00"), time("2024-03-30 12:00"),
    ],
    ("sys/tags", "string_set"): [
        ["exploration", "pretrained"], ["exploration"], None, ["my tag", "red"], ["red", "blue"], ["blue"], None,
        ["exploration", "red"],
    ],
    ("sys/state", "experiment_state"): [
        "inactive", "active", "inactive", "inactive", "active", "inactive", "inactive", "inactive",
    ],
    ("sys/failed", "bool"): [False, True, False, True, False, False, False, False],
    ("sys/trashed", "bool"): [False, False, False, False, False, False, True, False],
    ("lr", "float"): [0.001, 0.01, 0.002, None, 0.002, -0.5, 0.01, INF],
    ("bs", "int"): [32, 64, None, None, None, 0, 16, 16],
    ("bs", "float"): [None, None, 64.0, None, None, None, None, None],
    ("opt", "string"): ["Adam", "AdamW", "SGD", None, "adam", None, None, None],
    ("acc", "float_series"): [[0.5, 0.7, 0.9], [0.95, 0.7], None, None, [0.4, NAN], [0.88], None, [0.1, 0.2]],
    ("size_MB", "float"): [45.0, 60.0, *[None] * 6],
    ("sys/description", "string"): ["test on new data", *[None] * 7],
    ("done", "datetime"): [None, None, time("2025-01-01 00:00"), *[None] * 5],
    ("path", "string"): [*[None] * 4, 'C:\\tmp "new"', *[None] * 3],
    ("log", "string_series"): [*[None] * 5, ["start", "done"], None, None],
    ("model", "file"): [*[None] * 5, {"path": "m.bin", "size_bytes": 1, "mime_type": None}, None, None],
    ("a`b", "int"): [*[None] * 6, 1, None],
    ("AND", "int"): [*[None] * 7, 5],
}  # fmt: skip

RUNS = [
    {attribute: values[position] for attribute, values in TABLE.items() if values[position] is not None}
    for position in range(8)
]

#: (row, query, expected runs); None where the query is refused.
QUERIES: list[tuple[int, str, list[int] | None]] = [
    (1, "", [1, 2, 3, 4, 5, 6, 7, 8]),
    (2, "()", None),
    (3, "heron", None),
    (4, "(`sys/trashed`:bool = false)", [1, 2, 3, 4, 5, 6, 8]),
    (5, '((`sys/trashed`:bool = false) AND ((`sys/id`:string = "EX-1") OR (`sys/id`:string = "EX-7")))', [1]),
    (6, "((`sys/trashed`:bool = false) AND (`sys/experiment/is_head`:bool = true))", [1, 2, 3, 4, 5, 6]),
    (7, "`lr`:float < 0.01", [1, 3, 5, 6]),
    (8, "`lr`:float <= 0.01", [1, 2, 3, 5, 6, 7]),
    (9, "`lr`:float = 0.002", [3, 5]),
    (10, '`lr`:float == "0.002"', [3, 5]),
    (11, "`lr`:float != 0.002", [1, 2, 4, 6, 7, 8]),
    (12, '`lr`:float > "1e-06"', [1, 2, 3, 5, 7, 8]),
    (13, "`lr`:float >= -0.5", [1, 2, 3, 5, 6, 7, 8]),
    (14, "lr:float>2e-3", [2, 7, 8]),
    (15, "`lr`:float < inf", None),
    (16, '`lr`:float = "NaN"', None),
    (17, "`lr`:float > abc", None),
    (18, "`bs`:int = 16", [7, 8]),
    (19, "`bs`:int = 64.0", [2]),
    (20, "`bs`:int > 15.5", [1, 2, 7, 8]),
    (21, "`bs`:float = 64", [3]),
    (22, "`bs` = 64", [2, 3]),
    (23, "`bs`:integer = 16", [7, 8]),
    (24, "`lr`:double > 0", None),
    (25, "`size_MB`:float <= 50", [1]),
    (26, "`size_MB`:float <= 50MB", [1, 2]),
    (27, '`size_MB`:float <= "50 mb"', [1, 2]),
    (28, "last(`acc`:floatSeries) >= 0.88", [1, 6]),
    (29, "`acc`:floatSeries >= 0.88", [1, 6]),
    (30, "max(`acc`:floatSeries) > 0.9", [2]),
    (31, "min(`acc`:floatSeries) < 0.3", [8]),
    (32, "average(`acc`:floatSeries) > 0.8", [2, 6]),
    (33, "variance(`acc`:floatSeries) < 0.001", [5, 6]),
    (34, "last(`acc`:floatSeries) != 0.9", [2, 3, 4, 5, 6, 7, 8]),
    (35, "last(`acc`:float) > 0", None),
    (36, "last(`acc`) > 0.8", [1, 6]),
    (37, '`log`:stringSeries = "done"', [6]),
    (38, 'last(`log`:stringSeries) CONTAINS "start"', []),
    (39, '`opt`:string = "Adam"', [1]),
    (40, "`opt`:string = Adam", [1]),
    (41, '`opt`:string != "Adam"', [2, 3, 4, 5, 6, 7, 8]),
    (42, '`opt`:string CONTAINS "Adam"', [1, 2]),
    (43, '`opt`:string NOT CONTAINS "Adam"', [3, 4, 5, 6, 7, 8]),
    (44, 'NOT `opt`:string CONTAINS "Adam"', [3, 4, 5, 6, 7, 8]),
    (45, '`opt`:string MATCHES "Ada"', [1, 2]),
    (46, '`opt`:string MATCHES "^Adam$"', [1]),
    (47, r'`opt`:string MATCHES "Ada\\w+"', [1, 2]),
    (48, r'`opt`:string MATCHES "Ada\w+"', [1, 2]),
    (49, r'`opt`:string MATCHES "Ada\\\\w+"', []),
    (50, '`opt`:string MATCHES "(?i)^adam$"', [1, 5]),
    (51, '`opt`:string NOT MATCHES "Ada"', [3, 4, 5, 6, 7, 8]),
    (52, '`opt`:string MATCHES ""', [1, 2, 3, 5]),
    (53, '`opt`:string MATCHES "("', None),
    (54, '`opt`:string MATCHES "(?=A)"', None),
    (55, r'`sys/name`:string MATCHES "experiment-\\d+"', [5]),
    (56, '`sys/name`:string MATCHES "[[:digit:]]{2}$"', [1, 2, 5, 8]),
    (57, '`sys/name`:string MATCHES "e" AND `sys/name`:string MATCHES "x"', [5, 6]),
    (58, r'`path`:string = "C:\\tmp \"new\""', [5]),
    (59, "`opt`:string = 'Adam'", None),
    (60, "(opt: string = SGD)", [3]),
    (61, '`Opt`:string = "SGD"', []),
    (62, "`sys/description`:string = test on new data", None),
    (63, '`sys/tags`:stringSet CONTAINS "red"', [4, 5, 8]),
    (64, '`sys/tags`:stringSet CONTAINS "re"', []),
    (65, '`sys/tags`:stringSet CONTAINS "my tag"', [4]),
    (66, '(`sys/tags`:stringSet CONTAINS "red") AND (`sys/tags`:stringSet CONTAINS "blue")', [5]),
    (67, '(`sys/tags`:stringSet CONTAINS "blue") OR (`sys/tags`:stringSet CONTAINS "pretrained")', [1, 5, 6]),
    (68, '`sys/tags`:stringSet NOT CONTAINS "red"', [1, 2, 3, 6, 7]),
    (69, '`sys/tags`:stringSet = "red"', None),
    (70, "`sys/failed`:bool = True", [2, 4]),
    (71, '`sys/failed`:bool == "False"', [1, 3, 5, 6, 7, 8]),
    (72, "`sys/failed`:bool = 1", None),
    (73, "`sys/experiment/is_head`:bool != true", [7, 8]),
    (74, '`sys/state`:experimentState = "inactive"', [1, 3, 4, 6, 7, 8]),
    (75, '`sys/state`:experimentState = "running"', [2, 5]),
    (76, '`sys/creation_time`:datetime > "2024-02-06T05:00:00Z"', [5, 6, 7, 8]),
    (77, '`sys/creation_time`:datetime > "2024-02-06T05:00:00+09"', [2, 3, 5, 6, 7, 8]),
    (78, "sys/creation_time:datetime >= 2024-02-06T05:00:00Z", [2, 5, 6, 7, 8]),
    (79, '`sys/creation_time`:datetime < "2024-01-01"', [4]),
    (80, '`sys/creation_time`:datetime > "-2h"', [6]),
    (81, '`sys/creation_time`:datetime > "-5d"', [5, 6]),
    (82, "`sys/creation_time`:datetime > -1M", [5, 6, 7]),
    (83, '`sys/creation_time`:datetime < "-3M"', [1, 2, 3, 4]),
    (84, '`done`:datetime = "2025-01-01T01:00:00+01:00"', [3]),
    (85, "`bs`:int EXISTS", [1, 2, 6, 7, 8]),
    (86, "`bs` EXISTS", [1, 2, 3, 6, 7, 8]),
    (87, "`bs`:int NOT EXISTS", [3, 4, 5]),
    (88, "NOT `bs`:int EXISTS", [3, 4, 5]),
    (89, "`model`:fileRef EXISTS", [6]),
    (90, '`model`:fileRef = "m.bin"', None),
    (91, "`lr`:float = 0.002 OR `lr`:float = 0.01 AND `sys/failed`:bool = true", [2, 3, 5]),
    (92, "(`lr`:float = 0.002 OR `lr`:float = 0.01) AND `sys/failed`:bool = true", [2]),
    (93, "NOT `lr`:float = 0.002 AND `opt`:string EXISTS", [1, 2]),
    (94, "NOT (`lr`:float = 0.002 AND `opt`:string EXISTS)", [1, 2, 4, 6, 7, 8]),
    (95, "NOT NOT `bs`:int = 16", [7, 8]),
    (96, "not (`sys/name`:string contains heron and `sys/failed`:bool = False)", [1, 2, 4, 5, 6, 7, 8]),
    (97, r"`a\`b`:int = 1", [7]),
    (98, "`AND`:int = 5", [8]),
    (99, "AND:int = 5", None),
]


@pytest.mark.parametrize("dictionaries", [False, True])
@pytest.mark.parametrize(("row", "query", "expected"), QUERIES, ids=lambda each: each if isinstance(each, int) else "")
def test_reference_query(row: int, query: str, expected: list[int] | None, dictionaries: bool) -> None:
    columns = MemoryColumns(RUNS, dictionaries=dictionaries)
    if expected is None:
        with pytest.raises(QuerySyntaxError):
            evaluate(parse(query), columns, NOW)
        assert columns.asked == []
    else:
        assert (np.flatnonzero(evaluate(parse(query), columns, NOW)) + 1).tolist() == expected


def test_all_rows_are_there() -> None:
    assert [row for row, _, _ in QUERIES] == list(range(1, 100))


@pytest.mark.parametrize(
    ("query", "expected"), [(query, expected) for _, query, expected in QUERIES if query and expected is not None]
)
def test_rendered_text_has_the_same_meaning(query: str, expected: list[int]) -> None:
    expression = parse(query)
    assert expression is not None
    text = render(expression)
    assert parse(text) == expression
    assert (np.flatnonzero(evaluate(parse(text), MemoryColumns(RUNS), NOW)) + 1).tolist() == expected


@pytest.mark.parametrize(("row", "query", "expected"), QUERIES, ids=lambda each: each if isinstance(each, int) else "")
def test_errors_do_not_depend_on_data(row: int, query: str, expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(QuerySyntaxError):
            evaluate(parse(query), MemoryColumns([]), NOW)
    else:
        assert evaluate(parse(query), MemoryColumns([]), NOW).tolist() == []


def test_negation_splits_the_runs_in_two() -> None:
    for _, query, expected in QUERIES:
        if query and expected is not None:
            mask = evaluate(parse(query), MemoryColumns(RUNS), NOW)
            opposite = evaluate(parse(f"NOT ({query})"), MemoryColumns(RUNS), NOW)
            assert (mask ^ opposite).all(), query
