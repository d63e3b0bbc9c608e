"""SQL over the scans: the same results, the same pushdown, and only the tables that a query names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from neptune_frames import errors
from scan_data import PROJECT, Ledger

JOINED = """
    select run, attribute, count(*) as points, max("config/width") as width
    from metrics join run_table using (run)
    where attribute like 'train/l%' and step between 2 and 5
        and run in ('run-1', 'run-2', 'run-7') and "config/lr" < 0.5
    group by run, attribute
    order by run
"""


def ask(query: str, source: Any, **arguments: Any) -> pl.DataFrame:
    chosen = {} if "experiments" in arguments else {"runs": ""}
    return nf.sql(query, project=PROJECT, source=source, **chosen, **arguments).collect()


def test_metrics_join_the_table(source: Any) -> None:
    found = ask(JOINED, source, attributes="^config/ | loss")
    assert found.rows() == [("run-1", "train/loss", 4, 16), ("run-7", "train/loss", 4, 64)]


def test_conditions_reach_the_server(sources: dict[str, Any], ledger: Ledger) -> None:
    query = nf.sql(JOINED, project=PROJECT, runs="", source=sources["server"], attributes="^config/ | loss")
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
    given: dict[str, Any] = {"project": PROJECT, "runs": "", "source": sources["server"]}
    nf.sql("select run from metrics join runs using (run) -- and not run_table", **given)
    nf.sql("select 'run_table' from metrics /* as in the /* nested */ \"table\" */", **given)
    assert ledger.kinds() == []
    nf.sql("select * from run_table", attributes="^config/", **given)
    assert ledger.kinds() == ["search", "definitions"]


def test_the_table_of_runs_has_two_names(source: Any) -> None:
    found = [ask(f"select run, flag from {name} order by run", source) for name in ("run_table", '"table"', "`table`")]
    assert found[0].height == 8
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def test_names_with_several_types_have_a_column_for_each(sources: dict[str, Any], ledger: Ledger) -> None:
    for source in sources.values():
        assert ask("select run, \"config/width\" from run_table where run = 'run-1'", source).rows() == [("run-1", 16)]
        both = ask('select run, "mixed:int", "mixed:float" from run_table order by run limit 2', source)
        assert both.rows() == [("run-0", None, 0.0), ("run-1", 1, None)]
        with pytest.raises(
            pl.exceptions.ColumnNotFoundError, match=r'"mixed".*valid columns.*"mixed:float", "mixed:int"'
        ):
            ask("select mixed from run_table", source)
    ledger.clear()
    assert ask('select run from run_table where "mixed:float" > 1', sources["server"])["run"].to_list() == ["run-6"]
    assert "`mixed`:float" in ledger.asked("entries/search")[-1]["query"]["query"]


def test_the_list_of_tables_asks_nothing(sources: dict[str, Any], ledger: Ledger) -> None:
    tables = ["attributes", "buckets", "metrics", "run_table", "runs", "series"]
    for query in ("SHOW TABLES", " show\ttables ;", "show tables -- all"):
        assert nf.sql(query, project=PROJECT, source=sources["server"]).collect()["name"].to_list() == tables
    assert ledger.kinds() == []


def test_a_plan_is_a_query(sources: dict[str, Any], ledger: Ledger) -> None:
    plan = ask("explain select run from metrics where step >= 3", sources["server"])
    assert any("narrowed by the query: steps from 3" in line for line in plan["Logical Plan"])
    assert ledger.kinds() == []


@pytest.mark.parametrize(
    "query",
    [
        "select run from runs limit 1",
        "(select run from runs) limit 1",
        "-- the newest\nWITH newest AS (SELECT run FROM runs LIMIT 1) SELECT * FROM newest",
        "/* the /* newest */ */ from runs select run limit 1",
        "values ('run-7')",
        "select run from runs where run <> 'drop table; read_csv(''x'')' limit 1;",
    ],
)
def test_queries(source: Any, query: str) -> None:
    assert ask(query, source).rows() == [("run-7",)]


@pytest.mark.parametrize(
    ("statement", "begins"),
    [
        ("drop table metrics", "begins with DROP"),
        ("/* select */ delete from metrics", "begins with DELETE"),
        ("TRUNCATE metrics", "begins with TRUNCATE"),
        ("create table mine as select * from metrics", "begins with CREATE"),
        ("explain delete from metrics", "begins with DELETE"),
        ("show tables from metrics", "begins with SHOW"),
        ("describe metrics", r"begins with DESCRIBE. nf.sql\(.*collect_schema\(\) shows the columns"),
        ("", "is empty"),
        (" -- select", "is empty"),
    ],
)
def test_other_statements_are_refused(sources: dict[str, Any], ledger: Ledger, statement: str, begins: str) -> None:
    with pytest.raises(pl.exceptions.SQLInterfaceError, match=f"nf.sql takes queries only .* this one {begins}"):
        ask(statement, sources["server"])
    assert ledger.kinds() == []


@pytest.mark.parametrize(
    "function",
    [
        "read_csv('{}')",
        "READ_CSV ('{}')",
        "\"read_csv\"('{}')",
        "`read_csv` /* /* */ */ -- \n ('{}')",
        "read_csv('{}') as t",
    ],
)
def test_files_are_not_read(source: Any, tmp_path: Path, function: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a\n1\n")
    assert pl.sql(f"select * from {function.format(file)}").collect().height == 1
    for select in ("select *", "select $$'$$, *", "with x as (select 1) select *"):
        with pytest.raises(pl.exceptions.SQLInterfaceError, match=r"nf.sql reads no files, so read_csv\(...\)"):
            ask(f"{select} from {function.format(file)}", source)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "select * from point",
            r"no table 'point'; the tables are attributes, buckets, metrics, run_table, runs, series\.$",
        ),
        ("select * from metric", r"Did you mean metrics\?$"),
        ("select * from experiments", r"Did you mean runs\? Its rows are experiments if you pass experiments=\.$"),
        ("select * from table", r'Write run_table \(or "table", in double quotes\)'),
        ("select count(*) from metrics join table using (run)", r'Write run_table \(or "table", in double quotes\)'),
        ("select * from metrics, table", "Write run_table"),
        ("select run frm runs", "^sql parser error"),
    ],
)
def test_what_names_no_table(source: Any, query: str, message: str) -> None:
    with pytest.raises(pl.exceptions.SQLInterfaceError, match=message):
        ask(query, source)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("select experiment from metrics", "labelled by run, because .* runs=. Pass experiments= .* the table runs.*"),
        ("select run, timestamp from metrics", 'Pass include_time="absolute" for the times of points.'),
        ("select config/lr from run_table", 'Names with a slash are written in double quotes: "config/lr".'),
        ("select t.config/lr from run_table as t", 'Names with a slash are written in double quotes: "config/lr".'),
        ("select run from runs where RUN = 'run-1'", 'Upper and lower case differ: the column is "run".'),
        ('select "config/widht" from run_table', r'Did you mean "config/width"\?'),
        ('select run from run_table where "config/opt" = "Adam"', "texts are written in single quotes: 'Adam'."),
        ("select unknown from metrics", ""),
    ],
)
def test_what_names_no_column(source: Any, query: str, meant: str) -> None:
    with pytest.raises((pl.exceptions.ColumnNotFoundError, pl.exceptions.SQLInterfaceError)) as raised:
        ask(query, source)
    message = str(raised.value)
    assert re.search(f"^(unable to find column .*valid columns: |no column named).*{meant}$", message, re.DOTALL)
    assert meant or message.endswith("]")
    assert "plan" not in message


def test_mistakes(source: Any) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="loss"):
        ask("select loss from metrics", source)
    with pytest.raises(ValueError, match="Give either experiments or runs, but both"):
        nf.sql("select * from metrics", project=PROJECT, source=source, experiments="a", runs="b")
    with pytest.raises(ValueError, match=r'Give either experiments or runs, but neither.*experiments="" selects every'):
        nf.sql("select experiment from metrics", project=PROJECT, source=source)
    with pytest.raises(errors.NeptuneProjectInaccessible, match="ws/nowhere"):
        nf.sql("select * from metrics", project="ws/nowhere", runs="", source=source).collect()
