"""Calls written by hand: the edges that drawing would miss, and functions that need a second call."""

from __future__ import annotations

from compat.query_cases import LINEAGE, SPEEDRUN, Case, cases
from pandas_dtypes import IS_PANDAS_3

_L = f"project={LINEAGE!r}"
_S = f"project={SPEEDRUN!r}"

_ALL_OPTIONS = "include_time='absolute', include_point_previews=True, type_suffix_in_column_names=True"
_ASCENDING = "sort_direction='asc'"
_SUFFIX = "type_suffix_in_column_names=True"
_TIME = "include_time='absolute'"
_LOSS = "Attribute('loss', type='float_series')"
_NAN = "Attribute('nan/only', type='float_series')"
_SYS_ID = "Attribute('sys/id', type='string')"
_HAS_SEED = "Filter.exists(Attribute('seed', type='int'))"
_ALPHA = "Filter.eq('sys/experiment/name', 'alpha')"
_SPEEDRUN_NAME = "2025-01-16_Sub3Min/1d3bd93b"

#: pandas 2 loses the sign of it in the official frame.
_NEGATIVE_ZERO = f"nq.fetch_metric_buckets({_L}, experiments=['values'], y=['extremes'], limit=4)"

_EDGES = (
    # Names that collide with the frame's own.
    f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], {_ALL_OPTIONS})",
    # 301 metrics in one frame, all of one run.
    f"nq.fetch_metrics({_L}, experiments=['parts'], attributes=r'^many/m')",
    f"nq.fetch_metrics({_L}, experiments=['parts'], attributes=r'^many/m', tail_limit=1)",
    # More names than a page, all but one unknown.
    f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'] + [f'none/{{i}}' for i in range(1500)])",
    f"nq.fetch_experiments_table({_L}, attributes=['seed'] + [f'none/{{i}}' for i in range(1500)])",
    f"nq.list_experiments({_L}, experiments=[f'exp-{{i}}' for i in range(3000)] + ['alpha'])",
    f"nr.fetch_metrics({_L}, runs=[f'run-{{i}}' for i in range(300)] + ['alpha-root'], attributes=['loss', 'acc'])",
    # Every type at once, with suffixes.
    f"nr.fetch_runs_table({_L}, attributes='!last_year', type_suffix_in_column_names=True)",
    f"nr.fetch_runs_table({_L}, runs='^mixed', attributes=['mixed/value'], type_suffix_in_column_names=True)",
    f"nr.fetch_runs_table({_L}, runs='^mixed', attributes=['mixed/value'])",
    f"nr.fetch_runs_table({_L}, runs=['mixed-int', 'mixed-float'], attributes='mixed/value')",
    f"nr.fetch_runs_table({_S}, attributes='weight_decay$', type_suffix_in_column_names=True, limit=40)",
    f"nr.fetch_runs_table({_S}, attributes=None, limit=3)",
    f"nq.fetch_experiments_table({_L})",
    f"nr.fetch_runs_table({_L}, runs='nothing like it')",
    f"nq.fetch_experiments_table({_L}, experiments=['nowhere'], attributes=['loss'])",
    f"nr.list_attributes({_L})",
    f"nr.list_attributes({_S})",
    f"nq.list_attributes({_L})",
    # Values that say one thing and mean another.
    f"nr.list_runs({_L}, runs=Filter.eq(Attribute('seed', type='int'), 1.0))",
    f"nr.list_runs({_L}, runs=Filter.eq(Attribute('seed', type='int'), 1.5))",
    f"nr.list_runs({_L}, runs=Filter.eq(Attribute('momentum', type='float'), '0.9'))",
    f"nr.list_runs({_L}, runs=Filter.gt('sys/creation_time', '2025-03-02T20:00:00Z'))",
    f"nr.list_runs({_L}, runs=Filter.gt('sys/creation_time', '-1d'))",
    f"nr.list_runs({_L}, runs=Filter.contains_none('optimizer', 'da'))",
    f"nr.list_runs({_L}, runs=Filter.exists(Attribute('hist/counts', type='histogram_series')))",
    f"nr.list_runs({_L}, runs=Filter.exists(Attribute('images/sample', type='file_series')))",
    f"nq.list_experiments({_L}, experiments='a' * 100_000)",
    f"nq.list_experiments({_L}, experiments=['a\"b\\\\', \"it's\", 'a`b', 'a\\x00b'])",
    f"nq.list_experiments({_L}, experiments=[True, 1.5])",
    f"nr.fetch_metrics({_L}, runs=['metrics-only'], attributes=None, include_time='absolute')",
    f"nr.fetch_runs_table({_L}, runs=['metrics-only', 'no-experiment'], attributes='!forking')",
    f"nr.fetch_metrics({_L}, runs=['a\\x00b'], attributes=['loss'])",
    "nq.list_experiments(project=' synthetic/lineage ')",
    "nq.list_experiments(project='synthetic/lineage/')",
    "nq.list_experiments(project='SYNTHETIC/LINEAGE')",
    f"nq.fetch_experiments_table({_L}, limit=10**12)",
    f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], tail_limit=10**12)",
    f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], step_range=(-0.0, 0.0))",
    f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], lineage_to_the_root=0)",
    f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], lineage_to_the_root=None)",
    f"nr.fetch_runs_table({_L}, attributes=['sys/name'], sort_by='sys/tags')",
    f"nr.fetch_runs_table({_L}, attributes=['sys/name'], sort_by=Attribute('hist/counts', type='histogram_series'))",
    f"nr.list_attributes({_L}, attributes=AttributeFilter.any())",
    # The page boundary: the limit is the number of rows.
    f"nr.fetch_runs_table({_S}, attributes=['sys/id'], sort_by='sys/id', sort_direction='asc', limit=120)",
    # Steps that are neither whole nor small.
    f"nq.fetch_metrics({_L}, experiments=['steps'], attributes='.*', step_range=(-1.5, 0.000003))",
    f"nq.fetch_metrics({_L}, experiments=['steps'], attributes=['huge'], step_range=(9007199254.740993, None))",
    f"nr.fetch_metrics({_L}, runs=['steps-rounded'], attributes=['collapsed'], include_time='absolute')",
    # Forks.
    *(
        f"nr.fetch_metrics({_L}, runs=[{run!r}], attributes=['loss', 'acc', 'gap'], lineage_to_the_root={lineage})"
        for run in (
            "alpha-restart-2",
            "alpha-branch",
            "alpha-early",
            "alpha-late",
            "alpha-empty",
            "gap-fork",
            "zero-fork",
            "type-change",
            "orphan",
            "child-of-trashed",
        )
        for lineage in (True, False)
    ),
    f"nq.fetch_metrics({_L}, experiments='^alpha', attributes=['loss'], tail_limit=2, step_range=(None, 58))",
    # Buckets: one step only, non-finite values, ranges without points.
    f"nq.fetch_metric_buckets({_L}, experiments=['single'], x='step', y='^one/', limit=3)",
    f"nq.fetch_metric_buckets({_L}, experiments=['values'], y=['nan/only'], limit=3)",
    f"nq.fetch_metric_buckets({_L}, experiments=['values'], y=['inf/both', 'nan/as_nan'], limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments=['nowhere'], y=['loss'])",
    f"nq.fetch_metric_buckets({_L}, experiments=['alpha'], y=[])",
    f"nq.fetch_metric_buckets({_L}, experiments=None, y=['loss'], limit=7)",
    f"nq.fetch_metric_buckets({_S}, experiments='2025-01-16_Sub3Min/1d3bd93b', y=['val/loss', 'train/time_ms'])",
    f"nq.fetch_metric_buckets({_S}, experiments='^2024-1', y=['val/loss'], limit=20)",
)

_PATTERNS = (
    f"nq.list_experiments({_L}, experiments=Filter.matches('sys/name', ''))",
    f"nq.list_experiments({_L}, experiments=Filter.matches('sys/name', '   '))",
    f"nq.list_experiments({_L}, experiments=Filter.matches('sys/name', 'a | '))",
    f"nq.list_experiments({_L}, experiments='a\\t|\\nb')",
    f"nq.list_experiments({_L}, experiments='a\\u00a0|\\u00a0b')",
    f"nq.list_experiments({_L}, experiments='a |\\x0bb')",
    f"nq.list_experiments({_L}, experiments='& & &')",
    f"nq.list_experiments({_L}, experiments='a | | b')",
    f"nq.list_experiments({_L}, experiments='\\\\x21a')",
    f"nq.list_experiments({_L}, experiments='a\\\\x20|\\\\x20b')",
    f"nq.list_experiments({_L}, experiments='a & !!b')",
    f"nq.list_experiments({_L}, experiments='!!')",
    f"nq.list_experiments({_L}, experiments='  alpha  ')",
    f"nq.list_experiments({_L}, experiments='a|!b')",
    f"nq.list_attributes({_L}, attributes='sys/.*id$')",
    f"nq.list_attributes({_L}, attributes='\\\\.')",
    f"nq.list_attributes({_L}, attributes='^[^/]+$ & !l & !o | ^w')",
    f"nq.list_attributes({_L}, attributes='\\\\x20')",
    f"nq.list_attributes({_L}, attributes='  \\\\x20lead')",
    f"nq.list_attributes({_L}, attributes='\\n')",
    f"nq.list_attributes({_L}, attributes='(?s)b.a')",
    f"nq.list_attributes({_L}, attributes='(?m)^newline')",
    f"nq.list_attributes({_L}, attributes='^\\\\p{{Greek}}|é')",
    f"nq.list_attributes({_L}, attributes='.{{900,}}')",
    f"nq.list_attributes({_L}, attributes=['tab\\tand\\nnewline', ' ', 'a' * 2000])",
    f"nq.list_attributes({_L}, attributes=[f'n{{i}}' * 50 for i in range(3000)] + ['loss'])",
    f"nr.list_runs({_S}, runs=Filter.le('config/learning_rate', 0.0036))",
    f"nr.list_runs({_S}, runs=Filter.gt('val/loss', 1) & Filter.lt('val/loss', 3) | Filter.exists('ema/beta'))",
)

#: Names and patterns of classes that inherit from `str`.
_TEXTS = (
    f"nr.fetch_runs_table({_L}, runs=['alpha-root'], attributes=list(np.array(['loss', 'seed'])))",
    f"nr.fetch_runs_table({_L}, runs='^alpha', attributes=['loss'], sort_by=np.str_('seed'))",
    f"nr.fetch_runs_table({_L}, runs=Filter.gt(Attribute(np.str_('seed'), 'int'), 1), attributes=np.str_('^loss$'))",
    f"nr.fetch_runs_table({_L}, attributes=[], sort_by=Attribute(np.str_('seed'), 'int'))",
    f"nr.list_attributes({_L}, attributes=AttributeFilter([np.str_('loss')], type=np.str_('float_series')))",
    f"nr.list_attributes({_L}, attributes=AttributeFilter(np.str_('^los & !x'), type=[np.str_('float_series')]))",
    f"nr.list_runs({_L}, runs=[np.str_('alpha-root')])",
    f"nr.list_runs({_L}, runs=Filter.matches(np.str_('optimizer'), np.str_('ad')))",
    f"nr.fetch_metrics({_L}, runs=[np.str_('alpha-root')], attributes=[np.str_('loss')])",
    f"nr.fetch_series({_L}, runs=['alpha-root'], attributes=list(np.array(['log'])))",
    f"nq.fetch_metric_buckets({_L}, experiments=['alpha'], y=[np.str_('loss')], limit=5)",
    "nr.list_attributes(project=Text('synthetic/lineage'), attributes=Text('^loss$'))",
    "nr.list_runs(project=np.str_('synthetic/lineage'), runs=np.str_('^alpha-r'))",
    f"nr.list_attributes({_L}, attributes=[Text('loss')])",
    f"nr.fetch_metrics({_L}, runs=[Text('alpha-root')], attributes=[Text('loss')]).columns",
)

#: Unions of attribute filters, whatever `any` is called on.
_UNIONS = (
    f"nr.list_attributes({_L}, attributes=AttributeFilter(['acc']).any(AttributeFilter(['loss'])))",
    f"nr.list_attributes({_L}, attributes=AttributeFilter(['acc']).any())",
    f"nr.list_attributes({_L}, attributes=AttributeFilter.any(AttributeFilter(['acc']), AttributeFilter('^loss$')))",
    f"nr.list_attributes({_L}, attributes=BaseAttributeFilter.any(AttributeFilter(['acc']), AttributeFilter(['lr'])))",
    f"nr.list_attributes({_L}, attributes=(AttributeFilter('^a') | AttributeFilter('^l')).any(AttributeFilter('fl')))",
)

_TABLES = (
    f"nr.fetch_runs_table({_L}, attributes=[f'n{{i}}' * 50 for i in range(3000)] + ['seed'], limit=5)",
    f"nr.fetch_runs_table({_L}, attributes=['seed'] * 1001, limit=5)",
    f"nr.fetch_runs_table({_L}, attributes=AttributeFilter(['seed','loss','loss']), limit=5, {_SUFFIX})",
    f"nr.fetch_runs_table({_L}, runs=['alpha-root'], attributes='.*', sort_by='no/such')",
    f"nr.fetch_runs_table({_L}, runs={_HAS_SEED}, attributes=['seed'], sort_by='sys/forking/step')",
    f"nr.fetch_runs_table({_L}, runs='', attributes=['loss'], sort_by={_LOSS}, {_ASCENDING}, limit=7, {_SUFFIX})",
    f"nr.fetch_runs_table({_L}, runs='', attributes=['nan/only'], sort_by={_NAN}, limit=7)",
    f"nr.fetch_runs_table({_L}, runs='', attributes=['float_inf'], sort_by='float_inf', limit=3)",
    f"nr.fetch_runs_table({_L}, runs='', attributes=['sys/id'], sort_by='sys/archived')",
    f"nr.fetch_runs_table({_L}, runs='', attributes=['sys/id'], sort_by='sys/size')",
    f"nr.fetch_runs_table({_S}, runs='', attributes=['sys/id'], sort_by='sys/creation_time', limit=50, {_ASCENDING})",
    f"nr.fetch_runs_table({_S}, runs=Filter.eq('val/loss', 3.2785), attributes=['val/loss'])",
    f"nq.fetch_experiments_table({_S}, experiments=Filter.ne('settings/seed', 0), attributes=['settings/seed'])",
)

_BUCKETS = (
    f"nq.fetch_metric_buckets({_L}, experiments=['alpha'], y=['loss'], limit=1)",
    f"nq.fetch_metric_buckets({_L}, experiments=['alpha','deep'], y=['loss'], limit=1)",
    f"nq.fetch_metric_buckets({_L}, experiments=['alpha','deep','steps'], y='.*', limit=13)",
    f"nq.fetch_metric_buckets({_L}, experiments=['steps'], y=['negative'], limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments=['steps'], y=['huge'], limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments=['steps'], y=['micro'], limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments=['steps'], y=['sparse'], limit=1000)",
    f"nq.fetch_metric_buckets({_L}, experiments='steps', y=['collapsed'], limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments='values', y=['inf/both'], limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments='values', y=['nan/as_null', 'nan/only'], limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments='parts', y='^many/m', limit=4)",
    f"nq.fetch_metric_buckets({_L}, experiments='', y=None, limit=3)",
    f"nq.fetch_metric_buckets({_L}, experiments='alpha', y=['loss'], limit=10, lineage_to_the_root=False)",
    f"nq.fetch_metric_buckets({_S}, experiments=None, y=['val/loss', 'train/lr', 'train/loss'], limit=33)",
)

_SERIES = (
    f"nr.fetch_metrics({_L}, runs=['alpha-root', 'deep-3'], attributes=['loss', 'gap'], include_point_previews=True)",
    f"nr.fetch_metrics({_L}, runs='^alpha', attributes=['loss', 'gap'], {_TIME}, step_range=(39, 61), tail_limit=5)",
    f"nr.fetch_metrics({_L}, runs={_ALPHA}, attributes=AttributeFilter(['loss','gap']), lineage_to_the_root=False)",
    f"nq.fetch_metrics({_L}, experiments=Filter.eq('seed', 1) | Filter.eq('batch_size', 'x'), attributes='loss')",
    f"nq.fetch_series({_L}, experiments=None, attributes=None, tail_limit=1)",
    f"nr.fetch_series({_L}, runs=None, attributes=None, step_range=(1, 3), include_time='absolute')",
    f"nr.fetch_series({_S}, runs=None, attributes=None, tail_limit=2)",
    f"nr.fetch_series({_L}, runs='type-change', attributes='.*', lineage_to_the_root=False)",
    f"nr.fetch_series({_L}, runs='type-change', attributes='.*', lineage_to_the_root=True)",
    f"nq.fetch_series({_L}, experiments='alpha', attributes='log', lineage_to_the_root=False)",
)

_NO_METRICS = f"nr.fetch_metrics({_L}, runs=['none'], attributes=['loss']"
_NO_SERIES = f"nr.fetch_series({_L}, runs=['none'], attributes=['log']"

#: Frames without rows, and what scripts do to them.
_EMPTY = (
    *(
        f"{frame}{options}"
        for frame in (f"{_NO_METRICS}, {_TIME})", f"{_NO_SERIES}, {_TIME})", f"{_NO_METRICS})", f"{_NO_SERIES})")
        for options in ("", ".unstack('run')", ".rolling(2).mean()", ".to_numpy()", ".T", ".stack()")
    ),
    f"{_NO_METRICS}, include_point_previews=True)",
    f"{_NO_METRICS}, {_ALL_OPTIONS})",
)

_ONE_SEED = "Filter.eq(Attribute('seed', type='int'), 1)"
_BY_ID = "Attribute('sys/custom_run_id', type='string')"
_BY_LOSS = "Attribute('val/loss', type='float_series')"

_GLOBAL = (
    "ne.fetch_experiments_table_global(experiments='^alpha|1d3bd93b', attributes=['loss', 'val/loss', 'seed'])",
    "ne.fetch_runs_table_global(runs='^alpha|^main', attributes='^sys/name$ | loss$')",
    f"ne.fetch_runs_table_global(runs={_ONE_SEED}, attributes=['seed', 'sys/id'], sort_by={_BY_ID}, {_ASCENDING})",
    "ne.fetch_runs_table_global(attributes=[], limit=10)",
    "ne.fetch_experiments_table_global(experiments=['nowhere'], attributes=['loss'])",
    f"ne.fetch_experiments_table_global(attributes='val/loss', limit=5, sort_by={_BY_LOSS}, {_ASCENDING})",
    "ne.fetch_experiments_table_global(attributes=['loss'], type_suffix_in_column_names=True, limit=30)",
    "ne.fetch_runs_table_global(runs='deep|^f66', attributes=AttributeFilter(type=['datetime', 'bool', 'string_set']))",
    f"ne.fetch_runs_table_global(runs='^alpha-r|^main', attributes=['loss','val/loss'], {_SUFFIX})",
    "ne.fetch_runs_table_global(limit=7, attributes='.*', type_suffix_in_column_names=True)",
    "ne.fetch_runs_table_global(runs=Filter.exists(Attribute('loss','string_series')), attributes=['loss'])",
    "ne.fetch_runs_table_global(runs='type-change|alpha-root', attributes=['loss'])",
    "ne.fetch_runs_table_global(attributes=[f'n{i}' for i in range(1100)] + ['sys/id'], limit=3)",
    f"ne.fetch_experiments_table_global(experiments=['alpha', {_SPEEDRUN_NAME!r}], attributes=None, sort_by={_SYS_ID})",
    f"ne.fetch_experiments_table_global(experiments='1d3bd93b', attributes=None, sort_by={_SYS_ID}, {_SUFFIX})",
    "ne.fetch_experiments_table_global(experiments='', sort_by=Attribute('seed','int'), attributes=['seed'])",
)

_FILES_OF = f"nq.fetch_experiments_table({_L}, experiments=['files']"
_MISSING_FILE = "'a', None, '../../etc/passwd', 1, 'text/plain'"
_RUN_OF_FILES = "'^[0-3]'"
_FILES_OF_RUNS = f"nr.fetch_runs_table({_S}, runs={_RUN_OF_FILES}, attributes=['logs/steps', 'env/report'])"

_DOWNLOADS = (
    f"downloaded(nr, files={_FILES_OF_RUNS})",
    f"downloaded(nr, files={_FILES_OF_RUNS}['env/report'])",
    f"downloaded(nr, files=nr.fetch_series({_S}, runs='.*', attributes='^reports/', tail_limit=2))",
    f"downloaded(nq, files=nq.fetch_experiments_table({_L}, experiments=['files'], attributes='weights|source|dots'))",
    f"downloaded(nq, files=nq.fetch_series({_L}, experiments=['files'], attributes='images|texts'))",
    f"downloaded(nq, files=nq.fetch_series({_L}, experiments=['single'], attributes='file').iloc[0, 0])",
    f"downloaded(nq, files=nq.fetch_experiments_table({_L}, experiments='files', attributes=['lost/payload.txt']))",
    f"downloaded(nq, files={_FILES_OF}, attributes=['no_extension', 'failed/download', 'model/weights.bin']))",
    f"downloaded(nq, files={_FILES_OF}, attributes=AttributeFilter('^empty$', type='file')))",
    f"downloaded(nq, files={_FILES_OF}, attributes=['model/weights.bin']).iloc[0].tolist() * 2)",
    f"downloaded(nq, files=File('no/where', 'exp', None, {_MISSING_FILE}))",
    f"downloaded(nq, files=File({LINEAGE!r}, 'exp', None, {_MISSING_FILE}))",
    f"downloaded(nr, files=[File({LINEAGE!r}, None, 'run', {_MISSING_FILE})] * 2)",
    f"nq.fetch_experiments_table({_L}, experiments=['files'], attributes=AttributeFilter(type='file'))",
    "downloaded(nq, files=[])",
    "downloaded(nq, files='abc')",
    "downloaded(nr, files=[1, None, 'x'])",
    "downloaded(nq, files=pd.DataFrame({'a': [1, 2]}))",
    "downloaded(nr, files=pd.Series([], dtype=object))",
)

_FILTER_TEXTS = (
    "str(Filter.eq(Attribute('config/n', type='int'), 3))",
    "str(Filter.eq('a', 'q\"\\\\'))",
    "str(Filter.matches('a', 'x & !y | z'))",
    "str(Filter.name(['a', 'b']))",
    "str(Filter.name('a | b'))",
    "str(~(Filter.exists('a') & Filter.contains_none('t', ['x', 'y'])) | Filter.contains_all('t', 'z'))",
    "str(Filter.eq('a', True) & Filter.eq('b', 1e-20) & Filter.eq('c', float('nan')))",
    "str(Filter.eq('a', dt.datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)))",
    "str(Filter.exists(Attribute('a', type='file')))",
    "[str(Filter.exists(Attribute('a', type=each))) for each in KNOWN_TYPES]",
    "KNOWN_TYPES",
    "str(Attribute('a', type='float_series'))",
    "str(Attribute('a b'))",
    "Attribute('a', type='int')",
    "AttributeFilter('a', type='int').type",
    "File('w/p', 'exp', None, 'a', None, 'key', 2048, 'image/png')",
    "repr(File('w/p', 'exp', None, 'a', None, 'key', 2048, 'image/png'))",
    "repr(File('w/p', None, 'run', 'a', 1.0, 'key', 3_000_000_000, 'text/plain'))",
    "File('w/p', None, 'run', 'a', 1.0, 'key', 5, 'text/plain').container_identifier",
    "Histogram('COUNTING', [0.0, 1.0], [2.0])",
    "repr(Histogram('COUNTING', [0.0, 1.0], [2.0]))",
)


#: By the rows of `query_differences.DIFFERENCES`.
_DIFFERENT = {
    "operands": (
        "Filter.eq(3, 1)",
        "Filter.eq(None, 1)",
        "Filter.matches('a', None)",
        "Filter.matches('a', ['x'])",
        "Filter.eq('a', 1) & 'x'",
        "Filter.eq('a', 1) | None",
        f"nr.list_attributes({_L}, attributes=AttributeFilter('a') | 'b')",
        f"nr.list_runs({_L}, runs=Filter.exists(Attribute(3)))",
    ),
    "backquotes": (
        f"nr.list_runs({_L}, runs=Filter.exists(Attribute('back`quoted`/`x`', type='float_series')))",
        f"nr.list_runs({_L}, runs=Filter.ge('back`quoted`/`x`/config', 0))",
        f"nr.fetch_runs_table({_L}, runs=Filter.lt(Attribute('back`quoted`/`x`', type='float_series'), 1e9))",
    ),
    "pandas timestamps": (
        f"nr.list_runs({_L}, runs=Filter.gt('sys/creation_time', pd.Timestamp('2025-03-02T22:30', tz='UTC')))",
    ),
    "state in filters": (f"nr.list_runs({_S}, runs=Filter.eq('sys/state', 'inactive'))",),
    "state in sort keys": (
        f"nr.fetch_runs_table({_L}, runs=['alpha-root', 'deep-3'], sort_by='sys/state')",
        f"nr.fetch_runs_table({_L}, runs=['alpha-root', 'deep-3'], sort_by=Attribute('sys/state'))",
    ),
    "buckets of runs": (f"nr.fetch_metric_buckets({_L}, runs=['alpha-root'], y=['loss'], limit=5)",),
    "names on the package": ("nq.Filter.eq('a', 1)", "nq.Attribute('a')", "nq.AttributeFilter('a')"),
    "negate": ("Filter.negate(Filter.eq('a', 1))",),
    "late dates": (
        f"nr.fetch_runs_table({_L}, runs=['datetimes'], attributes=['when/last_year'])",
        f"nq.fetch_experiments_table({_L}, experiments=['datetimes'], attributes='^when/')",
    ),
    "first step without a value": (
        f"nq.fetch_metric_buckets({_S}, experiments=[{_SPEEDRUN_NAME!r}], y=['train/step_avg_ms'], limit=2)",
    ),
    "negative zero": (
        f"nq.fetch_metric_buckets({_L}, experiments=['values'], y=['inf/both', 'nan/as_nan', 'extremes'], limit=4)",
        *(() if IS_PANDAS_3 else (_NEGATIVE_ZERO,)),
    ),
    "booleans as numbers": (
        f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], step_range=(True, True))",
        f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], tail_limit=True)",
        f"nq.fetch_experiments_table({_L}, limit=True)",
    ),
    "steps that are no numbers": (
        f"nq.fetch_metrics({_L}, experiments=['alpha'], attributes=['loss'], step_range=(10**400, None))",
    ),
    "same path": (f"downloaded(nq, files={_FILES_OF}, attributes=['collide/a.b', 'collide/a_b']))",),
    "leading slash": (f"downloaded(nq, files={_FILES_OF}, attributes=['/leading/slash.txt']))",),
    "long file names": (f"downloaded(nq, files={_FILES_OF}, attributes='^deep/d'))",),
    "projects that are no text": ("nq.list_experiments(project=3)", "nq.list_experiments(project=Path('a/b'))"),
}


def fixed_cases() -> list[Case]:
    return [
        *cases("edge", _EDGES),
        *cases("edge", (_NEGATIVE_ZERO,) if IS_PANDAS_3 else ()),
        *cases("pattern", _PATTERNS),
        *cases("text", _TEXTS),
        *cases("union", _UNIONS),
        *cases("table", _TABLES),
        *cases("buckets", _BUCKETS),
        *cases("series", _SERIES),
        *cases("empty", _EMPTY),
        *cases("global", _GLOBAL),
        *cases("download", _DOWNLOADS),
        *cases("value", _FILTER_TEXTS),
        *(case for key, calls in _DIFFERENT.items() for case in cases("different", calls, difference=key)),
    ]
