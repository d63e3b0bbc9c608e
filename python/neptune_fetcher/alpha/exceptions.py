"""The errors of `neptune_fetcher.alpha`."""

from neptune_fetcher.exceptions import (
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

__all__ = [
    "AttributeTypeInferenceError",
    "ConflictingAttributeTypes",
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
