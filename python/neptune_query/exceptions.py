"""Every exception of the package. See `neptune_frames.errors`, where they are defined and drawn as a tree."""

from __future__ import annotations

from neptune_frames.errors import (
    ArchiveError,
    AttributeTypeInferenceError,
    ConflictingAttributeTypes,
    DamagedFileError,
    ForkedProcessError,
    InvalidApiTokenError,
    MismatchedAnswerError,
    MissingDependencyError,
    NeptuneApiTokenNotProvided,
    NeptuneError,
    NeptuneFailedToFetchClientConfig,
    NeptuneFileDownloadError,
    NeptuneInvalidCredentialsError,
    NeptuneProjectInaccessible,
    NeptuneProjectNotProvided,
    NeptuneRetryError,
    NeptuneUnexpectedResponseError,
    NeptuneUserError,
    NeptuneWarning,
    NotNeptuneServerError,
    ProjectNotFoundError,
    QuerySyntaxError,
    WireDecodingError,
)

#: The name the official package has for it, there in ``neptune_query.generated.neptune_api.errors``.
InvalidApiTokenException = InvalidApiTokenError

__all__ = [
    "ArchiveError",
    "AttributeTypeInferenceError",
    "ConflictingAttributeTypes",
    "DamagedFileError",
    "ForkedProcessError",
    "InvalidApiTokenError",
    "InvalidApiTokenException",
    "MismatchedAnswerError",
    "MissingDependencyError",
    "NeptuneApiTokenNotProvided",
    "NeptuneError",
    "NeptuneFailedToFetchClientConfig",
    "NeptuneFileDownloadError",
    "NeptuneInvalidCredentialsError",
    "NeptuneProjectInaccessible",
    "NeptuneProjectNotProvided",
    "NeptuneRetryError",
    "NeptuneUnexpectedResponseError",
    "NeptuneUserError",
    "NeptuneWarning",
    "NotNeptuneServerError",
    "ProjectNotFoundError",
    "QuerySyntaxError",
    "WireDecodingError",
]
