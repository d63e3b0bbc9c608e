"""Where ours deliberately answers differently from neptune-query 1.14.1: rows of docs/differences.md."""

from __future__ import annotations

#: Name of the difference, as in the documentation -> an expression about our answer that must be true
#: (``result`` is the value, or the exception).
DIFFERENCES = {
    "operands": "type(result) is TypeError",
    "backquotes": "'names-odd' in (result if isinstance(result, list) else result.index) and len(result) == 1",
    "pandas timestamps": "result == ['group-a-3', 'headless-1']",
    "state in filters": "len(result) == 120",
    "state in sort keys": "len(result) == 2",
    "buckets of runs": "result.columns.names == ['run', 'metric', 'bucket'] and result.shape == (5, 2)",
    "names on the package": "type(result).__name__ in ('Filter', 'Attribute', 'AttributeFilter')",
    "negate": "str(result) == str(~Filter.eq('a', 1))",
    "late dates": "result['when/last_year'].iloc[0] == pd.Timestamp('9999-12-31T23:59:59.999Z')",
    "first step without a value": "[str(label) for label in result.index] == ['[0.0, 696.5]', '(696.5, 1393.0]']",
    "negative zero": "np.signbit(result[('values', 'extremes', 'y')].iloc[1])",
    "booleans as numbers": "len(result) == 1",
    "steps that are no numbers": "type(result) is ValueError and 'step_range start' in str(result)",
    "same path": "len(result[2]) == 2 and set(result[1].iloc[0]) == set(result[2])",
    "leading slash": "list(result[2]) == [str(Path('files', '_', 'leading', 'slash_txt.txt'))]",
    "long file names": "[len(Path(path).name) for path in result[2]] == [255]",
    "projects that are no text": "type(result) is ValueError and 'project' in str(result)",
}
