"""The warnings of the library, and how often each is shown."""

from __future__ import annotations


class AttributeWarning(UserWarning):
    """An attribute's type could not be determined."""


class ExperimentalWarning(UserWarning):
    """A function may still change."""


class Http429Warning(UserWarning):
    """The server asked to slow down."""


class Http503Warning(UserWarning):
    """The server is unavailable for the moment."""


class Http5xxWarning(UserWarning):
    """The server failed."""


class HttpOtherWarning(UserWarning):
    """A request failed for another reason."""
