"""Failures of TLS that no other try mends, and what to do about them."""

from __future__ import annotations

import ssl

#: Reasons of OpenSSL: what answers speaks no TLS, or none that both sides know.
_NO_COMMON_LANGUAGE = frozenset(
    {
        "HTTPS_PROXY_REQUEST",
        "HTTP_REQUEST",
        "NO_PROTOCOLS_AVAILABLE",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)


def lasting_tls_failure(error: BaseException) -> ssl.SSLError | None:
    """The failure of TLS below an error of the network, if the same request would meet it again."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen
        if isinstance(seen, ssl.SSLError) and seen.reason in _NO_COMMON_LANGUAGE:
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def tls_failure_told(failure: ssl.SSLError, url: str) -> str:
    """What is wrong with the connection to ``url``, and what to do."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {url} cannot be verified: {failure.verify_message}. If it is one of your own, "
            "give the file of its root certificates in SSL_CERT_FILE; NEPTUNE_VERIFY_SSL=false, for tests only, "
            "accepts any certificate."
        )
    return (
        f"No secure connection to {url} can be made ({failure.reason}). What answers there speaks no TLS, or another "
        "version of it. Check whether the address, which is in the API token, should begin with http:// rather than "
        "https://, and whether a proxy is in between."
    )
