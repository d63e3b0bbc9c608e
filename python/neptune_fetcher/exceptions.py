"""The errors of `neptune_fetcher.alpha`. `ReadOnlyProject` and `ReadOnlyRun` raise those of `neptune_fetcher.util`."""

from neptune_frames.errors import (
    AttributeTypeInferenceError,
    ConflictingAttributeTypes,
    NeptuneApiTokenNotProvided,
    NeptuneError,
    NeptuneInvalidCredentialsError,
    NeptuneProjectInaccessible,
    NeptuneProjectNotProvided,
    NeptuneRetryError,
    NeptuneUnexpectedResponseError,
    NeptuneUserError,
    NeptuneWarning,
)
from neptune_frames.errors import InvalidApiTokenError as InvalidApiTokenException
from neptune_frames.errors import NeptuneFailedToFetchClientConfig as NeptuneFailedToFetchClientConfig

__all__ = [
    "AttributeTypeInferenceError",
    "ConflictingAttributeTypes",
    "InvalidApiTokenException",
    "NeptuneApiTokenNotProvided",
    "NeptuneError",
    "NeptuneInvalidCredentialsError",
    "NeptuneProjectInaccessible",
    "NeptuneProjectNotProvided",
    "NeptuneRetryError",
    "NeptuneUnexpectedResponseError",
    "NeptuneUserError",
    "NeptuneWarning",
]
