"""What tells an API token from the place of an archive, so that nobody's token ends up in a message."""

from __future__ import annotations

import re
from pathlib import Path

from neptune_frames.errors import ArchiveError

#: Base64 of JSON text: an opening brace, and a quotation mark or white space.
_JSON_OBJECT = re.compile(r"(eyJ|eyA|ewo|ewk|ew0)[A-Za-z0-9+/]{20,}={0,2}")
#: Other base64, such as a token that lost its beginning: capital and small letters and digits, in one long word.
_LONG_WORD = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9])[A-Za-z0-9+]{48,}={0,2}")


def unquoted(text: str) -> str:
    """A token without the white space and quotation marks around it, which `.env` files and pasting leave there.

    >>> unquoted(' "eyJhcGk" ')
    'eyJhcGk'
    """
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] == stripped[-1] and stripped[0] in "\"'":
        return stripped[1:-1].strip()
    return stripped


def looks_like_token(text: str) -> bool:
    """Whether a text is an API token, whole or damaged, rather than the place of an archive.

    >>> looks_like_token("'eyJhcGlfdXJsIjoiaHR0cDovL2hvc3QifQ=='"), looks_like_token("exports/data")
    (True, False)
    """
    bare = unquoted(text).strip("\"'")
    return bool(_JSON_OBJECT.fullmatch(bare) or _LONG_WORD.fullmatch(bare)) and not _exists(text)


def check_place(place: str) -> None:
    """Raise `ArchiveError` where an API token was given for the place of an archive, or nothing.

    A variable that is not set is an empty text in most shells; to `pathlib`, it is the current directory.
    """
    if not place.strip():
        raise ArchiveError(
            "The directory or URL of an archive is empty. Give '.' for the current directory; to read what "
            "NEPTUNE_ARCHIVE or NEPTUNE_API_TOKEN names, leave the source out (None)."
        )
    if looks_like_token(place):
        raise ArchiveError(
            "What looks like an API token (not shown here) was given where the directory or URL of an archive is "
            "expected. Tokens belong in NEPTUNE_API_TOKEN."
        )


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # tokens are longer than names of files may be
        return False
