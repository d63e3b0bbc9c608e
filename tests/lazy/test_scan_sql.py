"""SQL over the scans: the same results, the same pushdown, and only the tables that a query names."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from neptune_frames import errors
from scan_data import PROJECT, Ledger

JOINED = """
    select run, attribute, count(*) as points, max("config/width") as width
    from metrics join "table" using (run)
    where attribute like 'train/l%' and step between 2 and 5
        and run in ('run-1', 'run-2', 'run-7') and "config/lr" < 0.5
    group by run, attribute
    order by run
"""


def ask(query: str, source: Any, **arguments: Any) -> pl.DataFrame:
    return nf.sql(query, project=PROJECT, source=source, **arguments).collect()


def test_metrics_join_the_table(source: Any) -> None:
    found = ask(JOINED, source, attributes="^config/ | loss")
    assert found.rows() == [("run-1", "train/loss", 4, 16), ("run-7", "train/loss", 4, 64)]


def test_conditions_reach_the_server(sources: dict[str, Any], ledger: Ledger) -> None:
    query = nf.sql(JOINED, project=PROJECT, source=sources["server"], attributes="^config/ | loss")
    ledger.clear()
    assert query.collect().height == 2
    searches = [body["query"]["query"] for body in ledger.asked("entries/search")]
    assert sum('`config/lr`:float < "0.5"' in text for text in searches) == 1
    assert all('"run-7"' in text for text in searches)
    (asked,) = ledger.asked("series/float")
    assert (asked["stepRange"], {each["series"]["attribute"] for each in asked["requests"]}) == (
        {"from": 2.0, "to": 5.0}, {"train/loss"},
    )  # fmt: skip


def test_every_table(source: Any) -> None:
    assert ask("select count(*) from metrics join runs using (run) where step < 2", source).item() == 8 * 3 + 4 * 2
    assert ask("select run from runs where experiment = 'exp 0' order by run", source)["run"].to_list() == [
        "run-0", "run-6", "run-7",
    ]  # fmt: skip
    assert ask("select experiment from runs order by 1 limit 1", source, experiments="exp [3-5]").item() == "exp 3"
    assert (
        ask("select sum(int_value) from attributes where attribute = 'config/width' and run <> 'run-2'", source).item()
        == 93
    )
    assert ask("select string from series where step = 1 limit 1", source, include_time="absolute").item() == "warn: x"
    assert ask("select count(*) from buckets where finite_point_count > 0", source, attributes=["val/loss"]).item() > 8
    assert ask("with late as (select * from metrics where step > 9) select max(step) from late", source).item() == 11


def test_only_named_tables_are_set_up(sources: dict[str, Any], ledger: Ledger) -> None:
    nf.sql("select run from metrics join runs using (run)", project=PROJECT, source=sources["server"])
    assert ledger.kinds() == []
    nf.sql('select * from "table"', project=PROJECT, source=sources["server"], attributes="^config/")
    assert ledger.kinds() == ["search", "definitions"]


def test_names_with_several_types_have_a_column_for_each(source: Any) -> None:
    assert ask('select run, "config/width" from "table" where run = \'run-1\'', source).rows() == [("run-1", 16)]
    both = ask('select run, "mixed:int", "mixed:float" from "table" order by run limit 2', source)
    assert both.rows() == [("run-0", None, 0.0), ("run-1", 1, None)]
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=r'"mixed".*valid columns.*"mixed:float", "mixed:int"'):
        nf.sql('select mixed from "table"', project=PROJECT, source=source)


def test_the_list_of_tables_asks_nothing(sources: dict[str, Any], ledger: Ledger) -> None:
    tables = ["attributes", "buckets", "metrics", "runs", "series", "table"]
    for query in ("SHOW TABLES", " show\ttables ;"):
        assert ask(query, sources["server"])["name"].to_list() == tables
    assert ledger.kinds() == []


def test_mistakes(source: Any) -> None:
    with pytest.raises(pl.exceptions.SQLInterfaceError, match="relation 'points' was not found"):
        nf.sql("select * from points", project=PROJECT, source=source)
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="loss"):
        nf.sql("select loss from metrics", project=PROJECT, source=source)
    with pytest.raises(ValueError, match="either experiments or runs"):
        nf.sql("select * from metrics", project=PROJECT, source=source, experiments="a", runs="b")
    with pytest.raises(errors.NeptuneProjectInaccessible, match="ws/nowhere"):
        nf.sql("select * from metrics", project="ws/nowhere", source=source).collect()
