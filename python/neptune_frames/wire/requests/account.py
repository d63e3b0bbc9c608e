"""Answers about who is calling: client configuration, tokens and projects."""

from __future__ import annotations

from neptune_frames.wire.requests.message import Message, SnakeMessage


class PythonLibraryVersions(Message, frozen=True):
    min_recommended_version: str | None = None
    min_compatible_version: str | None = None
    max_compatible_version: str | None = None


class Security(Message, frozen=True):
    """``open_id_discovery`` is the URL of an `OpenIdConfiguration`."""

    client_id: str
    open_id_discovery: str


class ClientConfig(Message, frozen=True):
    """The client configuration (CFG)."""

    api_url: str
    py_lib_versions: PythonLibraryVersions
    security: Security
    application_url: str | None = None


class OpenIdConfiguration(SnakeMessage, frozen=True):
    """The OpenID discovery document, as far as it is used."""

    authorization_endpoint: str
    token_endpoint: str


class ExchangedTokens(Message, frozen=True):
    """What an API token is exchanged for (TOK)."""

    access_token: str
    refresh_token: str
    username: str | None = None

    def __repr__(self) -> str:
        return f"ExchangedTokens(username={self.username!r})"


class RefreshedTokens(SnakeMessage, frozen=True):
    """What the OpenID token endpoint answers to a refresh."""

    access_token: str
    refresh_token: str
    token_type: str | None = None
    expires_in: float | None = None

    def __repr__(self) -> str:
        return "RefreshedTokens()"


class Project(Message, frozen=True):
    """One project (PRJ). ``id`` and ``organization_id`` are UUIDs."""

    id: str
    name: str
    organization_id: str
    organization_name: str
    project_key: str
    version: int
