"""Calls of the neptune_fetcher interface: drawn from a seed, each one Python expression over `shared/data`."""

from __future__ import annotations

import random
from dataclasses import dataclass

SEED = 20_260_101

SETUP = """
import numpy as np
import neptune_fetcher
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
from neptune_fetcher import alpha
from neptune_fetcher.alpha import runs as alpha_runs
from neptune_fetcher.alpha.filters import Attribute, AttributeFilter, BaseAttributeFilter, Filter
from neptune_fetcher.fetchable import Fetchable, FetchableAtom, FetchableSeries

class Text(str):
    '''Text that does not write itself as it is.'''
    def __str__(self):
        return 'Text'
    __format__ = lambda self, _: 'Text'

speedrun = ReadOnlyProject("nanogpt/speedrun")
lineage = ReadOnlyProject("synthetic/lineage")

def run(project, custom_id, **options):
    return ReadOnlyRun(project, custom_id=custom_id, **options)

def prefetched(run, paths, **options):
    run.prefetch_series_values(paths, progress_bar=False, **options)
    return run

def context(name):
    return alpha.get_context().with_project(name)
"""


@dataclass(frozen=True)
class Case:
    """One call. ``difference`` names the row of `fetcher_differences` where ours deliberately differs."""

    call: str
    difference: str | None = None


_FIRST = "1d3bd93b-a69e-4118-aeb8-8184239d7566"
_COLUMNS = {
    "speedrun": [
        "sys/id", "sys/tags", "sys/group_tags", "sys/creation_time", "sys/failed", "sys/owner", "sys/trashed",
        "config/num_iterations", "config/cooldown_frac", "config/val_loss_every", "env/gpu_count", "env/gpu_name",
        "env/host_clock", "val/loss", "train/time_ms", "result/final_val_loss", "result/below_3_28", "logs/stdout",
        "logs/steps", "train/step_time_ms_hist", "reports/step_table", "no/such", "settings/x",
    ],
    "lineage": [
        "sys/id", "sys/tags", "sys/creation_time", "sys/forking/parent", "sys/forking/step", "sys/forking/depth",
        "loss", "acc", "lr", "batch_size", "mixed/value", "set/three", "set/empty", "int_max", "float_inf", "flag",
        "when/before_epoch", "when/beyond_ns", "emoji/🚀/config", "quote\"and\\backslash/config", "inf/both", "log/one",
        "model/weights.bin", "no/such", "sys/experiment/is_head",
    ],
}  # fmt: skip
_PATTERNS = {
    "speedrun": ["^env/", "loss$", "^sys/(id|owner)$", "config/(num|cool)", "^monitoring", "", "optimizer/.*/lr"],
    "lineage": ["loss", "^sys/fork", "^mixed|^when/", "", "config$", "many/m0[0-4]", "^(int|float)_", "é"],
}
_CRITERIA = {
    "speedrun": {
        "with_ids": ["['NSR-199']", "['NSR-199', 'NSR-994', 'XXX-1']", "['none']", "[]"],
        "custom_ids": [
            "['1d3bd93b-a69e-4118-aeb8-8184239d7566']",
            "['a\"b', '1d3bd93b-a69e-4118-aeb8-8184239d7566']",
            "[]",
        ],
        "owners": ["['modded-nanogpt']", "['nobody', 'modded-nanogpt']", "['nobody']", "[]"],
        "tags": ["['rerun']", "['track_1_short', 'rerun']", "['no-such-tag']", "[]", "['duplicate-log']"],
        "states": ["['active']", "['inactive', 'ACTIVE']", "['Inactive']", "[]"],
        "names_regex": ["'^2025'", "'SoftCap|FA3'", "['2025', '_']", "r'\\d{4}-0[1-6]'", "'\"'"],
        "custom_id_regex": ["'^1'", "r'^[0-9a-f]{8}-'", "'zzz'"],
        "query": [
            "'(last(`val/loss`:floatSeries) > 3.275) AND (`config/num_iterations`:int < 4000)'",
            "'`env/gpu_count`:int = 8 OR `env/gpu_count`:int = 1'",
            "r'`sys/name`:string MATCHES \"2025-\\\\d+\"'",
            "'`result/below_3_28`:bool = true'",
            "'`sys/creation_time`:datetime > \"2025-01-10\"'",
            "'`sys/tags`:stringSet NOT CONTAINS \"rerun\"'",
            "'`no/such`: float < 1'",
        ],
    },
    "lineage": {
        "with_ids": ["['LIN-1', 'LIN-7']", "['LIN-2']"],
        "custom_ids": ["['alpha-restart-2', 'alpha-root']", "['nope']", "['rün ID.v2 (β)', 'names-odd']"],
        "tags": ["['synthetic']", "['tree', 'synthetic']", "[]", "['']"],
        "names_regex": ["'alpha'", "'.'", "['a', 'l']", "'ü'"],
        "custom_id_regex": ["'restart'", "'^[a-m]'", "'mixed'"],
        "query": [
            "'last(`loss`:floatSeries) < 0.5'",
            "'`sys/forking/depth`:int > 0'",
            "'NOT (`loss`:floatSeries EXISTS)'",
        ],
    },
}
_SORTS = {
    "speedrun": ["sys/id", "sys/name", "config/num_iterations", "result/final_val_loss", "result/below_3_28",
                 "env/host_clock", "val/loss", "no/such", "sys/tags"],
    "lineage": ["sys/id", "sys/custom_run_id", "sys/forking/depth", "loss", "lr", "mixed/value", "when/epoch"],
}  # fmt: skip
_RUNS = {
    "speedrun": [
        "1d3bd93b-a69e-4118-aeb8-8184239d7566", "train_gpt-20250329", "298f02bc-dbb4-4661-9ad8-f6429d532873",
    ],
    "lineage": ["alpha-restart-2", "names-odd", "deep-3", "parts"],
}  # fmt: skip
_SERIES = {"speedrun": ["val/loss", "train/time_ms", "train/step_avg_ms"], "lineage": ["loss"]}
_ODD_FIELDS = {
    "values-odd": [
        "extremes", "inf/both", "nan/as_nan", "nan/only", "int_max", "int_min", "float_inf", "float_nan_kept",
    ],
    "names-odd": ["emoji/🚀", "quote\"and\\backslash/config", "tab\tand\nnewline", "/leading/slash", "sys_but_not/sys"],
    "strings": ["unicode", "newline", "empty", "null_word", "long", "space"],
    "datetimes": ["when/before_epoch", "when/beyond_ns", "when/leap_day", "when/epoch", "when/old"],
    "alpha-root": ["lr", "loss", "set/three", "flag", "optimizer"],
}  # fmt: skip


def all_cases() -> list[Case]:
    draw = random.Random(SEED)
    cases = [*_listings(), *_tables(draw, 80), *_runs(draw), *_refused(), *_alpha(), *_texts(), *_names()]
    return list(dict.fromkeys(cases))


def _listings() -> list[Case]:
    return [
        *(
            Case(f"{project}.{call}()")
            for project in ("speedrun", "lineage")
            for call in ("list_runs", "list_experiments")
        ),
        *(
            Case(f"{project}.{call}()", "three columns")
            for project in ("speedrun", "lineage")
            for call in ("fetch_runs", "fetch_experiments")
        ),
        Case("[run.with_id for run in speedrun.fetch_read_only_runs(with_ids=['NSR-199', 'NSR-994', 'NSR-9'])]"),
        Case(f"[each.with_id for each in speedrun.fetch_read_only_runs(['NSR-199'], ['{_FIRST}'], False)]"),
        Case("list(speedrun.fetch_read_only_runs())"),
        Case("list(speedrun.fetch_read_only_runs(with_ids=[], custom_ids=[]))"),
        Case("list(lineage.fetch_read_only_experiments())"),
        Case("[run.with_id for run in speedrun.fetch_read_only_experiments(['2025-01-16_Sub3Min/1d3bd93b', 'none'])]"),
        Case("lineage.fetch_runs_df(sort_by='mixed/value', trashed=None)"),
        Case("run(lineage, 'alpha-root')[5]", "wrong types"),
        Case("run(lineage, 5)", "wrong types"),
        Case("lineage.fetch_runs_df(trashed=2)", "wrong types"),
        Case("lineage.fetch_runs_df(columns_regex=5)", "wrong types"),
        Case("lineage.fetch_runs_df(trashed='false')"),
        Case("run(lineage, 'alpha-root').prefetch(None)"),
        Case("run(lineage, 'alpha-root').prefetch_series_values(None)"),
        Case("run(lineage, 'alpha-root')['loss'].fetch_values(step_range=('1', '2'))"),
        Case("lineage.fetch_runs_df(limit=float('nan'))", "not a number"),
        *(
            Case(f"lineage.fetch_runs_df({wrong})")
            for wrong in ("sort_by=None", "columns=5", "limit=float('inf')", "names_regex=5", "states=5")
        ),
        Case("speedrun.project_identifier"),
        Case("speedrun.fetch_runs_df(columns=['sys/id', 'sys/state'], limit=3)", "state"),
        Case("run(speedrun, '1d3bd93b-a69e-4118-aeb8-8184239d7566')['sys/state'].fetch()", "state"),
        Case("speedrun.fetch_runs_df(columns=['sys/id'], tags='rerun')", "one text is one element"),
        Case("speedrun.fetch_runs_df(columns='sys/id', limit=2)", "one text is one element"),
        Case("speedrun.fetch_runs_df(columns=['sys/id'], tags=['a\"b'])", "quotes are escaped"),
        Case("speedrun.fetch_runs_df(columns=['sys/id'], owners=['a\"b'])", "quotes are escaped"),
        Case("speedrun.fetch_runs_df(iter(['sys/id']), limit=2)"),
        Case("speedrun.fetch_runs_df(with_ids=iter(['NSR-199']))", "any iterable"),
        Case("lineage.fetch_runs_df(columns=['loss'], custom_ids=['type-change'])", "two types in one run"),
        Case("'sys/id' in run(lineage, 'alpha-root')", "no iteration"),
    ]


def _tables(draw: random.Random, count: int) -> list[Case]:
    cases = []
    for _ in range(count):
        project = draw.choice(["speedrun", "speedrun", "lineage"])
        experiments = draw.random() < 0.4
        arguments = {}
        if draw.random() < 0.9:
            names = _COLUMNS[project]
            arguments["columns"] = repr(draw.sample(names, draw.randint(0, min(7, len(names)))))
        if draw.random() < 0.4:
            arguments["columns_regex"] = repr(draw.choice(_PATTERNS[project]))
        for name in draw.sample(sorted(_CRITERIA[project]), draw.choice([0, 0, 1, 1, 2, 3])):
            arguments[name] = draw.choice(_CRITERIA[project][name])
        if experiments and draw.random() < 0.3:
            arguments["names_exclude_regex"] = draw.choice(["'2025'", "['a', 'FA3']", "'zzz'"])
        if draw.random() < 0.4:
            arguments["trashed"] = draw.choice(["True", "None", "False"])
        if draw.random() < 0.4:
            arguments["limit"] = draw.choice(["1", "5", "5000"])
        if draw.random() < 0.5:
            arguments["sort_by"] = repr(draw.choice(_SORTS[project]))
        if draw.random() < 0.4:
            arguments["ascending"] = draw.choice(["True", "False"])
        if draw.random() < 0.2:
            arguments["progress_bar"] = "False"
        given = ", ".join(f"{name}={value}" for name, value in arguments.items())
        if project == "lineage" and "loss" in given:
            # The run `type-change` has the field under two types at once: see "two types in one run".
            given = ", ".join(f"{name}={value}" for name, value in {**arguments, "custom_id_regex": "'^[^t]'"}.items())
        cases.append(Case(f"{project}.fetch_{'experiments' if experiments else 'runs'}_df({given})"))
    return cases


def _runs(draw: random.Random) -> list[Case]:
    cases = []
    for project, custom_ids in _RUNS.items():
        for custom_id in custom_ids:
            one = f"run({project}, {custom_id!r})"
            cases += [Case(f"sorted({one}.field_names)"), Case(f"{one}.with_id")]
            for path in draw.sample(_COLUMNS[project], 6):
                eager = draw.choice(["", ", eager_load_fields=False"])
                cases.append(Case(f"run({project}, {custom_id!r}{eager})[{path!r}].fetch()"))
            series = draw.choice(_SERIES[project])
            for options in ("", "include_timestamp=False", "include_point_previews=True", "include_inherited=False"):
                cases.append(Case(f"{one}[{series!r}].fetch_values({options})"))
            start, end = sorted((draw.choice([0, 1.0, 12.5]), draw.choice([3, 60.0, 125])))
            for bounds in (f"({start}, {end})", draw.choice([f"(None, {end})", f"({end}, None)"]), "(5, 1)"):
                cases.append(Case(f"{one}[{series!r}].fetch_values(step_range={bounds}, progress_bar=False)"))
            cases += [
                Case(f"prefetched({one}, [{series!r}, 'sys/id', 'no/such'])[{series!r}].fetch_values()"),
                Case(
                    f"prefetched({one}, [{series!r}], use_threads=True, step_range=(1, 50))[{series!r}].fetch_values()"
                ),
                Case(f"prefetched({one}, [{series!r}])[{series!r}].fetch_values(include_point_previews=True)"),
                Case(f"{one}[{series!r}].fetch_last()"),
            ]
    for custom_id, paths in _ODD_FIELDS.items():
        for path in paths:
            cases.append(Case(f"run(lineage, {custom_id!r})[{path!r}].fetch()"))
        cases.append(Case(f"run(lineage, {custom_id!r})[{paths[-1]!r}].fetch_values()"))
    unsupported = "run(speedrun, '298f02bc-dbb4-4661-9ad8-f6429d532873')"
    histogram = "run(speedrun, '1d3bd93b-a69e-4118-aeb8-8184239d7566')"
    return [
        *cases,
        Case(f"{histogram}['sys/group_tags'].fetch()"),
        Case(f"{histogram}['train/step_time_ms_hist'].fetch_values(1, anything=2)"),
        Case(f"{histogram}['train/step_time_ms_hist'].fetch_last()"),
        Case(f"{unsupported}['sys/creation_time'].fetch()"),
        Case(f"{unsupported}.prefetch(['sys/id', 'sys/id', 'no/such'])"),
        Case("ReadOnlyRun(speedrun, with_id='NSR-199').with_id"),
        Case("ReadOnlyRun(speedrun, experiment_name='2025-01-16_Sub3Min/1d3bd93b')['sys/id'].fetch()"),
        Case("ReadOnlyRun(speedrun, with_id='NSR-199').project.project_identifier"),
    ]


def _texts() -> list[Case]:
    """Names and patterns of classes that inherit from `str`."""
    lineage = "context=context('synthetic/lineage')"
    return [
        Case(call)
        for call in (
            "run(lineage, np.str_('alpha-root'))[np.str_('loss')].fetch()",
            "run(lineage, 'alpha-root')[Text('loss')].fetch_values()",
            "run(lineage, 'alpha-root', eager_load_fields=False)[Text('loss')].fetch_values()",
            "lineage.fetch_runs_df(columns_regex=Text('seed'), columns=[np.str_('loss')], custom_id_regex='^alpha')",
            "lineage.fetch_runs_df(sort_by=np.str_('seed'), custom_id_regex=Text('alpha'), limit=2)",
            f"alpha_runs.fetch_runs_table('^alpha', [np.str_('seed')], sort_by=np.str_('seed'), {lineage})",
            f"alpha_runs.fetch_runs_table('^alpha', [], sort_by=Attribute(np.str_('seed')), {lineage})",
            "alpha_runs.list_attributes('alpha', Text('^see'), context('synthetic/lineage'))",
            "alpha_runs.list_attributes('alpha', '^see', context(np.str_('synthetic/lineage')))",
            f"alpha_runs.list_attributes('alpha', AttributeFilter(name_eq=np.str_('seed')), {lineage})",
            f"alpha_runs.list_attributes('alpha', AttributeFilter(name_matches_all=Text('^s')), {lineage})",
            f"alpha_runs.list_attributes('alpha', AttributeFilter(name_matches_none=[Text('^s')]), {lineage})",
            f"alpha_runs.list_runs(Filter.gt(Attribute(np.str_('seed')), 1), {lineage})",
            f"alpha_runs.list_runs(Filter.matches_all(np.str_('optimizer'), np.str_('ad')), {lineage})",
            f"alpha_runs.fetch_metrics([np.str_('alpha-root')], np.str_('^loss'), {lineage})",
        )
    ]


def _names() -> list[Case]:
    """What is there under which name, and what is an instance of what."""
    acc, loss = "AttributeFilter('acc')", "AttributeFilter('loss')"
    lineage = "context('synthetic/lineage')"
    return [
        Case("run(lineage, 'alpha-root')['loss'].fetch_last()"),
        Case("(lambda run: [run[path] is run[path] for path in ('loss', 'seed')])(run(lineage, 'alpha-root'))"),
        *(
            Case(f"[isinstance(run(lineage, 'alpha-root')[path], {kind}) for path in ('loss', 'seed', 'log')]")
            for kind in ("Fetchable", "FetchableAtom", "FetchableSeries")
        ),
        Case("neptune_fetcher.exceptions.NeptuneError.__name__, alpha_runs.filters is alpha.filters"),
        Case("[(kind.name, kind.value) for kind in neptune_fetcher.fields.FieldType]"),
        Case(f"alpha_runs.list_attributes('alpha', {acc}.any({loss}), {lineage})"),
        Case(f"alpha_runs.list_attributes('alpha', BaseAttributeFilter.any({acc}, {loss}), {lineage})"),
        Case(f"alpha_runs.list_attributes('alpha', ({acc} | {loss}).any(AttributeFilter('seed')), {lineage})"),
    ]


def _refused() -> list[Case]:
    one = "run(speedrun, '1d3bd93b-a69e-4118-aeb8-8184239d7566')"
    return [
        Case(call)
        for call in (
            "speedrun.fetch_runs_df(limit=0)",
            "speedrun.fetch_runs_df(limit=-1)",
            "speedrun.fetch_runs_df(limit=5001)",
            "speedrun.fetch_runs_df(limit='3')",
            "speedrun.fetch_runs_df(with_ids=[1])",
            "speedrun.fetch_runs_df(states=['foo'])",
            "speedrun.fetch_runs_df(query='')",
            "speedrun.fetch_runs_df(query='  ')",
            "speedrun.fetch_runs_df(query='(')",
            "speedrun.fetch_runs_df(query='`a`:int ~ 3')",
            "speedrun.fetch_runs_df(query='a' * 250_001)",
            "speedrun.fetch_runs_df(tags=['t'] * 5001)",
            "speedrun.fetch_runs_df(owners=['o' * 60_000] * 2)",
            "speedrun.fetch_runs_df(custom_ids=['x'] * 5001)",
            "speedrun.fetch_runs_df(custom_ids=['%040d' % n for n in range(2499)])",
            "speedrun.fetch_runs_df(names_regex='(')",
            "speedrun.fetch_runs_df(columns_regex='(')",
            "speedrun.fetch_runs_df(custom_id_regex='[')",
            "speedrun.fetch_runs_df(names_exclude_regex='x')",
            "speedrun.fetch_experiments_df(names_regex='')",
            "speedrun.fetch_experiments_df(names_regex=[])",
            "speedrun.fetch_experiments_df(names_regex=['a', ''])",
            "speedrun.fetch_experiments_df(names_exclude_regex='')",
            "speedrun.fetch_experiments_df(names_exclude_regex=[])",
            "ReadOnlyRun(speedrun)",
            "ReadOnlyRun(speedrun, with_id='a', custom_id='b')",
            "ReadOnlyRun(speedrun, with_id='a', experiment_name='b')",
            "ReadOnlyRun(speedrun, with_id='NSR-0')",
            "ReadOnlyRun(speedrun, custom_id='zz')",
            "ReadOnlyRun(speedrun, custom_id='')",
            "ReadOnlyRun(speedrun, experiment_name='zz')",
            "ReadOnlyProject('no/where')",
            f"{one}['no/such']",
            f"{one}['sys/id'].fetch_values()",
            f"{one}['sys/id'].fetch_last()",
            f"{one}['val/loss'].fetch_values(True)",
            f"{one}['val/loss'].fetch_values(step_range=(1,))",
            f"{one}.__delitem__('sys/id')",
        )
    ]


def _alpha() -> list[Case]:
    speedrun, lineage = "context=context('nanogpt/speedrun')", "context=context('synthetic/lineage')"
    calls = [
        f"alpha.list_experiments('2025-0[1-3]', {speedrun})",
        f"alpha.list_experiments(['2025-01-16_Sub3Min/1d3bd93b', 'no'], {speedrun})",
        f"alpha.list_experiments([], {lineage})",
        f"alpha.list_experiments(Filter.gt('config/num_iterations', 4000), {speedrun})",
        f"alpha.list_experiments(Filter.eq('nope', 1), {speedrun})",
        f"alpha.list_experiments(3, {speedrun})",
        f"alpha.list_experiments(('a',), {speedrun})",
        f"alpha.list_experiments('(', {speedrun})",
        "alpha.list_experiments(context=context('no/where'))",
        f"alpha_runs.list_runs({lineage})",
        f"alpha_runs.list_runs('^1', {speedrun})",
        f"alpha.list_attributes('2025', '^val', {speedrun})",
        f"alpha.list_attributes(attributes=AttributeFilter(type_in=['string_set', 'bool']), {speedrun})",
        f"alpha_runs.list_attributes(['alpha-root'], None, {lineage})",
        f"alpha.fetch_experiments_table({speedrun})",
        f"alpha.fetch_experiments_table({lineage})",
        f"alpha.fetch_experiments_table('zzz', {speedrun})",
        f"alpha.fetch_experiments_table('2025', 'zzz', {speedrun})",
        f"alpha.fetch_experiments_table('2025', 'config|tags|loss|creation', limit=5, {speedrun})",
        (
            f"alpha.fetch_experiments_table('2025-0[1-4]', AttributeFilter(name_matches_all='loss$|stdout', "
            f"aggregations=['min', 'max', 'last', 'average']), {speedrun})"
        ),
        (
            "alpha.fetch_experiments_table("
            f"attributes=AttributeFilter(name_eq='logs/stdout', aggregations=['min']), {speedrun})"
        ),
        (
            f"alpha.fetch_experiments_table(attributes=['val/loss', 'sys/id'], sort_by='config/num_iterations', "
            f"sort_direction='asc', limit=20, type_suffix_in_column_names=True, {speedrun})"
        ),
        f"alpha.fetch_experiments_table(sort_by='nope', {speedrun})",
        f"alpha.fetch_experiments_table(limit=0, {speedrun})",
        f"alpha.fetch_experiments_table(limit='1', {speedrun})",
        f"alpha.fetch_experiments_table(sort_direction='up', {speedrun})",
        f"alpha_runs.fetch_runs_table('restart', 'loss|fork', {lineage})",
        (
            "alpha_runs.fetch_runs_table(Filter.exists('acc') & ~Filter.matches_all('sys/custom_run_id', ['a', 'r']), "
            f"'^sys/id$', {lineage})"
        ),
        f"alpha.fetch_metrics('2025-01', '^val', {speedrun})",
        f"alpha.fetch_metrics('2025-01', ['val/loss', 'no'], include_time='absolute', {speedrun})",
        (
            f"alpha.fetch_metrics('2025-01', 'val/loss', include_time='absolute', include_point_previews=True, "
            f"tail_limit=2, {speedrun})"
        ),
        f"alpha.fetch_metrics('zzz', 'val', {speedrun})",
        f"alpha.fetch_metrics('.', 'loss', step_range=(10, 20), lineage_to_the_root=False, {lineage})",
        f"alpha_runs.fetch_metrics(['alpha-restart-2'], ['loss'], type_suffix_in_column_names=True, {lineage})",
        f"alpha.fetch_metrics('a', 'l', step_range=(5, 1), {lineage})",
        f"alpha.fetch_metrics('a', 'l', tail_limit=0, {lineage})",
        f"alpha.fetch_metrics('a', 'l', include_time='relative', {lineage})",
        f"alpha.fetch_metrics('a', AttributeFilter(type_in=['string']), {lineage})",
        f"alpha.fetch_series('2025', 'stdout', tail_limit=2, {speedrun})",
        f"alpha.fetch_series('2025', 'stdout', tail_limit=1, include_time='absolute', {speedrun})",
        f"alpha.fetch_series('2025', 'zzz', {speedrun})",
        f"alpha.fetch_series('1d3bd93b', [], tail_limit=2, {speedrun})",
        f"alpha.fetch_metrics('1d3bd93b', None, tail_limit=2, {speedrun})",
        f"alpha.list_experiments([1, 'alpha'], {lineage})",
        f"alpha.list_attributes('alpha', AttributeFilter(type_in=[]), {lineage})",
        f"alpha.list_attributes('alpha', '(', {lineage})",
        f"alpha.list_experiments(Filter.all() & Filter.exists(Attribute('loss', type='float_series')), {lineage})",
        f"alpha.fetch_experiments_table('alpha', sort_by=5, {lineage})",
        f"alpha_runs.fetch_runs_table('^alpha', 'lr', sort_by='loss', {lineage})",
        # Names with two types, of which not the same is shown.
        f"alpha.fetch_experiments_table(None, AttributeFilter('loss', aggregations=['max', 'variance']), {lineage})",
        f"alpha_runs.fetch_runs_table(None, '^empty$', {lineage})",
        f"alpha_runs.fetch_runs_table(None, '^loss$', {lineage})",
        *(
            f"alpha.fetch_experiments_table('a', 'lr', limit=9, sort_by=Attribute('loss', '{aggregation}', "
            f"'float_series'), {lineage})"
            for aggregation in ("min", "max", "average", "variance")
        ),
        "alpha.Context('p').with_project('')",
        "alpha.list_experiments(context=alpha.Context())",
        "Filter.eq('a', None)",
        "str(Filter.eq('a', 1) & ~Filter.matches_all('b', ['x', 'y']) | Filter.exists('c'))",
        "str(Filter.name_in('a', 'b'))",
        "Filter.gt(Attribute('m', aggregation='variance', type='float_series'), 1e-6).to_query()",
        "Attribute('a', type='x')",
        "AttributeFilter(type_in=['x'])",
        "AttributeFilter(aggregations=['x'])",
    ]  # fmt: skip
    return [
        *map(Case, calls),
        Case(f"alpha.fetch_metrics(None, 'l', {lineage})", "no runs given"),
        Case(f"alpha.fetch_series([], 'stdout', {speedrun})", "no runs given"),
    ]
