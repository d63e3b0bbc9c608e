"""Literal text -> value, by the attribute's type."""

from __future__ import annotations

import calendar
import math
import re
from datetime import datetime, timedelta, timezone
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation

_NUMBER = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?: *(?P<unit>[KMGT]?B))?", re.IGNORECASE
)
_NON_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_SIZES: dict[str, int] = {unit: 1024**power for power, unit in enumerate(("B", "KB", "MB", "GB", "TB"))}

_BOOLS = {"true": True, "false": False}
#: State of an experiment as users know it -> as queries spell it.
STATE_LITERALS = {"active": "running", "inactive": "idle"}
#: Spellings of states -> the state.
STATES = {spelling: state for state, literal in STATE_LITERALS.items() for spelling in (state, literal)}

_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?",
    re.ASCII,
)
_RELATIVE = re.compile(r"-(?P<amount>[0-9]{1,9})(?P<unit>[A-Za-z]+)")
_FIXED_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_MONTHS = {"M": 1, "y": 12}
_MILLISECOND = timedelta(milliseconds=1)
#: What milliseconds are counted from.
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def is_non_finite(text: str) -> bool:
    """Whether a text is a number that no attribute can be compared with: nan, infinite, or overflowing."""
    if _NON_FINITE.fullmatch(text):
        return True
    match = _NUMBER.fullmatch(text)
    return match is not None and not math.isfinite(_as_float(match))


def parse_number(text: str) -> Decimal:
    """The exact value of a number, with its size suffix (powers of 1024) applied.

    Raises:
        ValueError: not a number, not a finite one in binary64, or one whose exponent is beyond all arithmetic.

    Example:
        >>> parse_number("50 kb")
        Decimal('51200')
    """
    match = _number_match(text)
    # Exact: enough digits for the product, any exponent of up to 18 digits.
    context = Context(prec=len(text) + 16, Emin=MIN_EMIN, Emax=MAX_EMAX)
    try:
        return context.multiply(Decimal(match["number"]), Decimal(_size(match)))
    except InvalidOperation:
        raise ValueError(f"the exponent of {text!r} is too long") from None


def parse_float(text: str) -> float:
    """The number as binary64. Raises ValueError like `parse_number`."""
    return _as_float(_number_match(text))


def parse_bool(text: str) -> bool:
    """true or false in any case; raises ValueError for anything else."""
    try:
        return _BOOLS[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is not a boolean; write true or false") from None


def parse_state(text: str) -> str:
    """ "active" (or running) and "inactive" (or idle) in any case; raises ValueError for anything else."""
    try:
        return STATES[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is not a state; write active or inactive") from None


def parse_datetime(text: str, now: datetime) -> int:
    """An instant as milliseconds since 1970 (UTC), truncated.

    Accepts ISO 8601 (without a zone: UTC; without a time: midnight) and a time before ``now``: ``-2h``,
    with the units s, m (minutes), h, d, w, M (calendar months) and y.

    Raises:
        ValueError: neither, or outside the years 1 to 9999.

    Example:
        >>> parse_datetime("1970-01-01T09:00:01+09", datetime.now(timezone.utc))
        1000
    """
    try:
        if (relative := _RELATIVE.fullmatch(text)) is not None:
            instant = _before(now.astimezone(timezone.utc), int(relative["amount"]), relative["unit"])
        elif (iso := _ISO.fullmatch(text)) is not None:
            instant = _instant(iso)
        else:
            raise ValueError("write 2024-02-06T05:00:00Z, 2024-02-06, or a time ago like -2h")
        return (instant - EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a point in time: {error}") from None


def _number_match(text: str) -> re.Match[str]:
    match = _NUMBER.fullmatch(text)
    if match is None or not math.isfinite(_as_float(match)):
        if is_non_finite(text):
            raise ValueError(f"{text!r} is not a finite number; attributes cannot be compared with it")
        raise ValueError(f"{text!r} is not a number")
    return match


def _as_float(match: re.Match[str]) -> float:
    return float(match["number"]) * _size(match)


def _size(match: re.Match[str]) -> int:
    return _SIZES[(match["unit"] or "B").upper()]


def _before(now: datetime, amount: int, unit: str) -> datetime:
    if unit in _FIXED_UNITS:
        return now - amount * _FIXED_UNITS[unit]
    if unit not in _MONTHS:
        raise ValueError(f"unknown unit {unit!r}; units are {', '.join((*_FIXED_UNITS, *_MONTHS))}")
    year, month = divmod(now.year * 12 + now.month - 1 - amount * _MONTHS[unit], 12)
    if year < 1:
        raise ValueError("it is before the year 1")
    month += 1
    return now.replace(year=year, month=month, day=min(now.day, calendar.monthrange(year, month)[1]))


def _instant(iso: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (
        int(iso[part] or 0) for part in ("year", "month", "day", "hour", "minute", "second")
    )
    microsecond = int((iso["fraction"] or "").ljust(6, "0")[:6])
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=_zone(iso["zone"]))


def _zone(text: str | None) -> timezone:
    if text is None or text in ("Z", "z"):
        return timezone.utc
    digits = text[1:].replace(":", "").ljust(6, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    return timezone(-offset if text[0] == "-" else offset)
