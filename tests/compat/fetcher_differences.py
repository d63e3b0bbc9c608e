"""Where ours deliberately answers differently from neptune-fetcher 0.23.0: rows of docs/differences.md."""

from __future__ import annotations

#: Name of the difference -> an expression about our answer (``result``) that must be true.
DIFFERENCES = {
    # README: "three columns"; 0.23.0 adds the sorting column.
    "three columns": "list(result.columns) == ['sys/custom_run_id', 'sys/id', 'sys/name'] and len(result) > 20",
    # README: `active` or `inactive`; 0.23.0 gives a constant, and NA in tables.
    "state": "result == 'inactive' if isinstance(result, str) else set(result['sys/state']) == {'inactive'}",
    # README's example of tags is a text; 0.23.0 takes a text letter by letter.
    "one text is one element": "len(result) > 0 and 'sys/id' in result.columns",
    # 0.23.0 writes owners and tags into the query as they are, so that a quote breaks it.
    "quotes are escaped": "len(result) == 0",
    # 0.23.0 needs len().
    "any iterable": "len(result) == 1",
    # 0.23.0 keeps one of them, which may be the one without a plain value.
    "two types in one run": "abs(result['loss'][0] - 2.097575) < 1e-9",
    # Neither can be iterated; 0.23.0 fails inside with an AttributeError.
    "no iteration": "type(result) is TypeError",
    # 0.23.0 fails inside.
    "wrong types": "type(result) is TypeError and ('must be' in str(result) or 'takes' in str(result))",
    # 0.23.0 compares it with the largest limit, and leaves the rest to JSON.
    "not a number": "type(result) is TypeError",
    # 0.23.0 asserts.
    "no runs given": "type(result) is ValueError",
}
