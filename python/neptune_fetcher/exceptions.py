"""The errors of `neptune_fetcher.alpha`. `ReadOnlyProject` and `ReadOnlyRun` raise those of `neptune_fetcher.util`."""

from neptune_frames.errors import (
    AttributeTypeInferenceError,
    ConflictingAttributeTypes,
    NeptuneApiTokenNotProvided,
    NeptuneError,
    NeptuneFailedToFetchClientConfig,
    NeptuneInvalidCredentialsError,
    NeptuneProjectInaccessible,
    NeptuneProjectNotProvided,
    NeptuneRetryError,
    NeptuneUnexpectedResponseError,
    NeptuneUserError,
    NeptuneWarning,
)
from neptune_frames.errors import InvalidApiTokenError as InvalidApiTokenException

__all__ = [
    "AttributeTypeInferenceError",
    "ConflictingAttributeTypes",
    "InvalidApiTokenException",
    "NeptuneApiTokenNotProvided",
    "NeptuneError",
    "NeptuneFailedToFetchClientConfig",
    "NeptuneInvalidCredentialsError",
    "NeptuneProjectInaccessible",
    "NeptuneProjectNotProvided",
    "NeptuneRetryError",
    "NeptuneUnexpectedResponseError",
    "NeptuneUserError",
    "NeptuneWarning",
]
