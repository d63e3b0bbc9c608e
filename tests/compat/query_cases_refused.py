"""Erroneous calls: every row of the reference's table of invalid input that ends within seconds."""

from __future__ import annotations

from compat.query_cases import LINEAGE, Case, cases

_P = f"project={LINEAGE!r}"

_CONTAINERS = (
    "[]",
    "('a',)",
    "{'a'}",
    "3",
    "b'a'",
    "Attribute('a')",
    "AttributeFilter('a')",
    "Filter",
    "[None]",
)
_ATTRIBUTES = (
    "('a',)",
    "{'a'}",
    "3",
    "Filter.eq('a', 1)",
    "Attribute('a')",
    "[1]",
    "AttributeFilter([1])",
    "AttributeFilter(('a',))",
    "AttributeFilter(3)",
    "AttributeFilter(type='x')",
    "AttributeFilter(type=['int', 'x'])",
    "AttributeFilter(type={'int'})",
)
_STEP_RANGES = (
    "[1, 2]",
    "None",
    "(1,)",
    "(1, 2, 3)",
    "('1', None)",
    "(None, '2')",
    "(np.int64(1), None)",
    "(2, 1)",
)
_LIMITS = ("1.0", "'1'", "np.int64(1)", "0", "-1", "False")
_VALUES = (
    "None",
    "[1]",
    "{'a': 1}",
    "(1,)",
    "b'a'",
    "1j",
    "dt.date(2025, 1, 1)",
    "np.int64(1)",
    "np.float32(1)",
    "np.bool_(True)",
)

_BUILDERS = (
    "Filter.name([])",
    "Filter.name(3)",
    "Filter.name(None)",
    "Filter.contains_all('a', [])",
    "Filter.contains_none('a', [])",
    "Filter.contains_all('a', ())",
    "Filter.contains_all('a', 3)",
    "Filter.contains_all('a', None)",
    "Attribute('a', type='x')",
    "Attribute('a', type='FLOAT')",
    "~AttributeFilter('a')",
    "AttributeFilter('a') & AttributeFilter('b')",
    "File('w/p', None, None, 'a', None, 'key', 1, 'text/plain')",
    "File('w/p', 'e', 'r', 'a', None, 'key', 1, 'text/plain')",
    "File('w/p', '', '', 'a', None, 'key', 1, 'text/plain')",
    "File('w/p', 'e')",
    *(f"Filter.eq('a', {value})" for value in _VALUES),
    "Filter.ge('a', None)",
    "nq.set_api_token('')",
    "nq.set_api_token(None)",
    "nq.set_api_token()",
)

_LOSS = "Attribute('loss', type='float_series')"

_CALLS = (
    "nq.list_experiments()",
    "nq.list_experiments(project='')",
    "nr.fetch_metrics(runs='a', attributes='b')",
    "nq.list_experiments(project='no/where')",
    "nr.fetch_runs_table(project='no/where', attributes=['a'])",
    "nq.fetch_metrics(project='no/where', experiments=['a'], attributes=['b'])",
    "nr.fetch_metrics(project='no/where', runs=['a'], attributes=['b'])",
    "nq.fetch_series(project='no/where', experiments=['a'], attributes=['b'])",
    "nq.fetch_metric_buckets(project='no/where', experiments=['a'], y=['b'])",
    "nr.list_attributes(project='no/where')",
    "nq.list_experiments('a')",
    f"nq.fetch_metrics({_P}, experiments='a')",
    f"nq.fetch_metrics({_P}, attributes='a')",
    f"nq.fetch_metric_buckets({_P}, experiments='a')",
    *(f"nq.list_experiments({_P}, experiments={value})" for value in _CONTAINERS),
    *(f"nr.fetch_metrics({_P}, runs={value}, attributes='loss')" for value in _CONTAINERS),
    *(f"nq.fetch_experiments_table({_P}, experiments={value})" for value in _CONTAINERS[:3]),
    *(f"nq.list_attributes({_P}, attributes={value})" for value in _ATTRIBUTES),
    *(f"nr.fetch_runs_table({_P}, attributes={value})" for value in _ATTRIBUTES[:6]),
    *(f"nr.fetch_metrics({_P}, runs='a', attributes={value})" for value in _ATTRIBUTES[:5]),
    f"nq.fetch_metrics({_P}, experiments='a', attributes=AttributeFilter('loss', type='int'))",
    f"nq.fetch_metrics({_P}, experiments='a', attributes=AttributeFilter('loss', type=[]))",
    f"nq.fetch_metrics({_P}, experiments='a', attributes=AttributeFilter('l') | AttributeFilter('x', type='int'))",
    f"nq.fetch_series({_P}, experiments='a', attributes=AttributeFilter('loss', type='float_series'))",
    f"nq.fetch_metric_buckets({_P}, experiments='a', y=AttributeFilter('loss', type=['int', 'string_series']))",
    *(f"nq.fetch_metrics({_P}, experiments='a', attributes='b', step_range={value})" for value in _STEP_RANGES),
    *(f"nr.fetch_series({_P}, runs='a', attributes='b', step_range={value})" for value in _STEP_RANGES[:4]),
    *(f"nq.fetch_metrics({_P}, experiments='a', attributes='b', tail_limit={value})" for value in _LIMITS),
    *(f"nr.fetch_series({_P}, runs='a', attributes='b', tail_limit={value})" for value in _LIMITS[:3]),
    *(f"nq.fetch_experiments_table({_P}, limit={value})" for value in _LIMITS),
    *(f"nq.fetch_metric_buckets({_P}, experiments='a', y='b', limit={value})" for value in (*_LIMITS, "None", "1001")),
    *(
        f"nq.fetch_metrics({_P}, experiments='a', attributes='b', include_time={value})"
        for value in ("''", "0", "'relative'", "True", "'ABSOLUTE'")
    ),
    *(f"nr.fetch_runs_table({_P}, sort_direction={value})" for value in ("'ASC'", "None", "'up'", "1")),
    *(f"nr.fetch_runs_table({_P}, sort_by={value})" for value in ("None", "3", "['sys/name']", "Filter.exists('a')")),
    f"nq.fetch_metric_buckets({_P}, experiments='a', y='b', x='time')",
    f"nq.fetch_metric_buckets({_P}, experiments='a', y='b', x=None)",
    "ne.fetch_runs_table_global(sort_by='sys/name')",
    "ne.fetch_runs_table_global(sort_by=Attribute('sys/name'))",
    "ne.fetch_experiments_table_global(experiments=Filter.eq('seed', 1))",
    "ne.fetch_experiments_table_global(experiments=Filter.eq('seed', 1) & Filter.eq('x', 1))",
    "ne.fetch_runs_table_global(limit=0)",
    # Refused by the server or by type inference.
    f"nq.list_experiments({_P}, experiments=Filter.eq(Attribute('seed', type='int'), 'abc'))",
    f"nq.list_experiments({_P}, experiments=Filter.gt('float_tenth', float('-inf')))",
    f"nq.list_experiments({_P}, experiments=Filter.eq('float_tenth', float('nan')))",
    f"nq.fetch_metrics({_P}, experiments=Filter.lt({_LOSS}, float('inf')), attributes=['loss'])",
    f"nq.list_experiments({_P}, experiments=Filter.contains_all(Attribute('seed', type='int'), 'a'))",
    f"nq.list_experiments({_P}, experiments=Filter.gt(Attribute('flag', type='bool'), True))",
    f"nq.list_experiments({_P}, experiments=Filter.matches(Attribute('seed', type='int'), '1'))",
    f"nq.list_experiments({_P}, experiments=Filter.eq('mixed/value', 1) & Filter.exists('loss'))",
    f"nq.fetch_experiments_table({_P}, experiments=Filter.eq('mixed/value', 1))",
    f"nr.fetch_runs_table({_P}, runs='mixed|values', attributes='mixed/value|seed')",
    f"nq.list_experiments({_P}, experiments=Filter.exists(Attribute('', type='int')))",
    f"nq.list_experiments({_P}, experiments=Filter.eq(Attribute('sys/tags', type='string_set'), 'a'))",
    f"nq.list_experiments({_P}, experiments=Filter.gt(Attribute('model/weights.bin', type='file'), 'a'))",
    f"nq.list_experiments({_P}, experiments=Filter.eq('sys/creation_time', 'yesterday'))",
    f"nq.list_experiments({_P}, experiments=Filter.eq('nesterov', 'x'))",
    f"nq.list_experiments({_P}, experiments='a{{1001}}')",
    f"nq.list_experiments({_P}, experiments=r'(?P<n>a)\\1')",
    f"nq.list_experiments({_P}, experiments='(')",
    f"nq.list_experiments({_P}, experiments='*')",
    f"nq.list_experiments({_P}, experiments='!(a | b)')",
    f"nq.list_attributes({_P}, attributes='[')",
    f"nr.fetch_metrics({_P}, runs=['alpha-root'], attributes='(')",
    f"nq.list_experiments({_P}, experiments='(?=a)')",
    # Downloads.
    "nq.download_files(files=None)",
    "nq.download_files(files=3)",
    "nq.download_files()",
    "nr.download_files(files=File('w/p', 'exp', None, 'a', None, 'key', 1, 'text/plain'))",
    "nq.download_files(files=File('w/p', None, 'run', 'a', None, 'key', 1, 'text/plain'))",
    "nq.download_files(files=[], destination=3)",
    "nq.download_files(files=[], destination=os.devnull)",
    "nq.download_files(files=[], destination=nq.__file__)",
)


def refused_cases() -> list[Case]:
    return [*cases("refused", _BUILDERS), *cases("refused", _CALLS)]
