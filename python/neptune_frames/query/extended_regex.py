r"""The dialect of regular expressions in which users select names, labels and string values.

An ordinary RE2 search, and above it, split off before any regular expression is looked at:

    a | b     either (blanks on both sides of the bar; without them it is RE2's own `|`)
    a & b     both (blanks on both sides)
    !a        not; only at the start of a part
    \x20 \x21 a blank and an exclamation mark that are not read as above

AND binds tighter than OR and there are no parentheses: ``(a | b)`` is cut in two like any other text.
The rules are those of `neptune_query` 1.14 (its "extended regular expressions").
"""

from __future__ import annotations

import re
from functools import lru_cache

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.rendering import shortened
from neptune_frames.query.selection import NamePattern

_OR = re.compile(r"[ \t\r\n]+\|[ \t\r\n]+")
_AND = re.compile(r"[ \t\r\n]+&[ \t\r\n]+")
_NOT = re.compile(r"!\s*")


def parse_extended_regex(text: str) -> tuple[NamePattern, ...]:
    r"""Split into alternatives, each a conjunction of RE2 searches; every pattern is compiled once to check it.

    Raises:
        QuerySyntaxError: a part is not a valid RE2 pattern.

    Example:
        >>> for alternative in parse_extended_regex(r"^train/ & !debug | ^val/"):
        ...     print(alternative)
        NamePattern(must_match=('^train/',), must_not_match=('debug',))
        NamePattern(must_match=('^val/',), must_not_match=())
    """
    return tuple(_conjunction(part, text) for part in _OR.split(text.strip()))


def _conjunction(text: str, whole: str) -> NamePattern:
    wanted: list[str] = []
    unwanted: list[str] = []
    for part in _AND.split(text):
        negation = _NOT.match(part)
        pattern = part[negation.end() :] if negation else part
        pattern = pattern.replace(r"\x20", " ").replace(r"\x21", "!")
        try:
            check_regex(pattern)
        except QuerySyntaxError as error:
            if part == whole.strip():
                raise
            raise QuerySyntaxError(
                f"{error} It is a part of {shortened(repr(whole))}, which is split at ` | ` and ` & ` first; write "
                "\\x20 for a blank that must stay.",
                query=pattern,
            ) from None
        (unwanted if negation else wanted).append(pattern)
    return NamePattern(tuple(wanted), tuple(unwanted))


@lru_cache(maxsize=128)
def check_regex(pattern: str) -> None:
    """Refuse what RE2 cannot compile: the same engine will do the matching.

    Raises:
        QuerySyntaxError: the pattern is not valid RE2 (look-around and back-references are not).
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if isinstance(error, re2.error) and error.args else error
        if isinstance(reason, bytes):
            reason = reason.decode(errors="replace")
        raise QuerySyntaxError(
            f"The regular expression {shortened(repr(pattern))} is not valid RE2: {shortened(str(reason))}.",
            query=pattern,
        ) from None


_LITERAL = r"(?:[^\\^$.|?*+()\[\]{}]|\\[^\w\x80-\U0010ffff])+"
_LITERAL_NAMES = re.compile(
    rf"\^(?:\((?:\?:)?(?P<several>{_LITERAL}(?:\|{_LITERAL})*)\)|(?P<one>{_LITERAL}))\$", re.ASCII
)
_LITERAL_NAME = re.compile(_LITERAL, re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def literal_names(pattern: str) -> tuple[str, ...] | None:
    r"""The texts that a pattern of the form ``^(a\.b|c)$`` can match; None for any other pattern.

    Clients write long lists of exact names that way. As a regular expression, thousands of names
    exceed what RE2 keeps in memory and take seconds; as a set, milliseconds.

    Example:
        >>> literal_names(r"^(a\.b|c)$")
        ('a.b', 'c')
        >>> literal_names(r"^(a.b|c)$") is None
        True
    """
    match = _LITERAL_NAMES.fullmatch(pattern)
    if match is None:
        return None
    names = _LITERAL_NAME.findall(match["several"] or match["one"])
    return tuple(_ESCAPED.sub(r"\1", name) for name in names)
