"""Which attribute definitions a selector means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pyarrow as pa

from neptune_frames.query.masks import Mask, is_one_of, matches
from neptune_frames.query.selection import ANY_NAME, AttributeAlternative, AttributeSelector, NamePattern


def match_names(selector: AttributeSelector, names: pa.Array, types: pa.Array) -> Mask:
    """A mask over definitions: True where the selector selects them.

    Args:
        selector: What is wanted.
        names: Attribute names, plain or dictionary-encoded strings.
        types: The client type in each row.

    Example:
        >>> selector = AttributeSelector((AttributeAlternative(("float",), patterns=(NamePattern(("^a",)),)),))
        >>> match_names(selector, pa.array(["a", "a", "b"]), pa.array(["float", "int", "float"])).tolist()
        [True, False, False]
    """
    if isinstance(names, pa.ChunkedArray):
        names = names.combine_chunks()
    mask = np.zeros(len(names), dtype=bool)
    for alternative in selector.alternatives:
        open_rows = np.flatnonzero(is_one_of(types, alternative.types) & ~mask)
        candidates = names if len(open_rows) == len(names) else names.take(pa.array(open_rows))
        mask[open_rows[_match_alternative(alternative, candidates)]] = True
    return mask


def narrowed(
    selector: AttributeSelector, names: Collection[str] | None = None, pattern: NamePattern = ANY_NAME
) -> AttributeSelector:
    """What the selector selects among some names, and where the name satisfies a pattern.

    Example:
        >>> loss = AttributeSelector((AttributeAlternative(("float",), patterns=(NamePattern(("loss",)),)),))
        >>> narrowed(loss, pattern=NamePattern(("^train/",))).alternatives[0].patterns
        (NamePattern(must_match=('loss', '^train/'), must_not_match=()),)
    """
    if selector.plain_names is not None:
        texts = pa.array(selector.plain_names, pa.string())
        kept = _match_pattern(pattern, texts)
        if names is not None:
            kept &= is_one_of(texts, list(names))
        plain = tuple(texts.filter(pa.array(kept)).to_pylist())
        alternatives = tuple(replace(each, names=plain) for each in selector.alternatives)
        return AttributeSelector(alternatives, plain)
    return AttributeSelector(tuple(_narrowed(each, names, pattern) for each in selector.alternatives))


def _narrowed(
    alternative: AttributeAlternative, names: Collection[str] | None, pattern: NamePattern
) -> AttributeAlternative:
    if names is not None:
        kept = names if alternative.names is None else [name for name in alternative.names if name in names]
        alternative = replace(alternative, names=tuple(sorted(kept)))
    if pattern != ANY_NAME:
        own = (ANY_NAME,) if alternative.patterns is None else alternative.patterns
        alternative = replace(alternative, patterns=tuple(each.and_also(pattern) for each in own))
    return alternative


def _match_alternative(alternative: AttributeAlternative, names: pa.Array) -> Mask:
    mask = np.ones(len(names), dtype=bool)
    if alternative.names is not None:
        mask &= is_one_of(names, alternative.names)
    if alternative.patterns is not None:
        matched = np.zeros(len(names), dtype=bool)
        for pattern in alternative.patterns:
            matched |= _match_pattern(pattern, names)
        mask &= matched
    return mask


def _match_pattern(pattern: NamePattern, names: pa.Array) -> Mask:
    mask = np.ones(len(names), dtype=bool)
    for wanted in pattern.must_match:
        mask &= matches(names, wanted)
    for unwanted in pattern.must_not_match:
        mask &= ~matches(names, unwanted)
    return mask
