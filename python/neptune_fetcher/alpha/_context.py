"""Which project and token the functions use where they are not told otherwise."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neptune_frames.sources.base import Source


@dataclass(frozen=True)
class Context:
    """A project and an API token. The token is an attribute, but is never shown.

    Args:
        project: ``workspace/name``, or None.
        api_token: The API token, or None.

    Example:
        >>> Context(project="team/vision").with_project("team/audio")
        Context(project='team/audio')
    """

    project: str | None = None
    api_token: str | None = field(default=None, repr=False)

    def with_project(self, project: str) -> Context:
        """The same context with another project.

        Args:
            project: ``workspace/name``.

        Returns:
            A new context.

        Raises:
            ValueError: The project is empty.

        Example:
            >>> Context(project="team/vision").with_project("team/audio").project
            'team/audio'
        """
        if not project:
            raise ValueError("A project name must be given: workspace/name")
        return replace(self, project=project)

    def with_api_token(self, api_token: str) -> Context:
        """The same context with another token.

        Args:
            api_token: The API token.

        Returns:
            A new context.

        Raises:
            ValueError: The token is empty.

        Example:
            >>> Context(project="team/vision").with_api_token("eyJhcGlfYWRkcmVzcyI6Imh0dHA6Ly8xMjcuMC4wLjEifQ==")
            Context(project='team/vision')
        """
        if not api_token:
            raise ValueError("An API token must be given")
        return replace(self, api_token=api_token)


def get_context() -> Context:
    """The context that is used where none is passed.

    Returns:
        The global context.

    Example:
        >>> get_context()
        Context(project='team/vision')
    """
    return _context


def set_context(context: Context | None = None) -> Context:
    """Use this context from now on.

    Args:
        context: The context; None reads NEPTUNE_PROJECT and NEPTUNE_API_TOKEN again.

    Returns:
        The new global context.

    Example:
        >>> set_context(Context(project="team/audio"))
        Context(project='team/audio')
        >>> set_context()
        Context(project='team/vision')
    """
    global _context
    _context = _from_environment() if context is None else context
    return _context


def set_project(project: str) -> Context:
    """Use this project from now on.

    Args:
        project: ``workspace/name``.

    Returns:
        The new global context.

    Raises:
        ValueError: The project is empty.

    Example:
        >>> set_project("team/audio")
        Context(project='team/audio')
    """
    return set_context(get_context().with_project(project))


def set_api_token(api_token: str) -> Context:
    """Use this token from now on.

    Args:
        api_token: The API token. Whether it is valid is checked when it is used.

    Returns:
        The new global context; printing it does not show the token.

    Raises:
        ValueError: The token is empty.

    Example:
        >>> set_api_token("eyJhcGlfYWRkcmVzcyI6Imh0dHA6Ly8xMjcuMC4wLjEifQ==")
        Context(project='team/vision')
    """
    return set_context(get_context().with_api_token(api_token))


def resolve(context: Context | None) -> tuple[Source, str]:
    """Whom to ask, and about which project.

    The environment's archive answers, unless a token other than the environment's was given.

    Raises:
        NeptuneProjectNotProvided: If there is no project.
        NeptuneApiTokenNotProvided: If there is neither a token nor an archive.
    """
    from neptune_frames import config
    from neptune_frames.errors import NeptuneApiTokenNotProvided, NeptuneProjectNotProvided
    from neptune_frames.query.plain_text import plain_text
    from neptune_frames.sources.choose import open_archive, open_server

    chosen = get_context() if context is None else context
    if not chosen.project:
        raise NeptuneProjectNotProvided
    project = plain_text(chosen.project)
    archive = config.ARCHIVE.get()
    if archive is not None and chosen.api_token in (None, _from_environment().api_token):
        return open_archive(archive), project
    if chosen.api_token is None:
        raise NeptuneApiTokenNotProvided
    return open_server(chosen.api_token), project


def _from_environment() -> Context:
    project, api_token = os.environ.get("NEPTUNE_PROJECT", "").strip(), os.environ.get("NEPTUNE_API_TOKEN")
    # An empty token is one that cannot be used, as in the official package.
    return Context(project or None, None if api_token is None else api_token.strip())


_context = _from_environment()
