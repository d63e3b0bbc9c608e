"""What is installed: our version, and whether a package of the same name as one of our drop-ins is there too."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import Path


@cache
def library_version() -> str:
    """The installed version of this package; "unknown" where it is used without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("neptune-frames")
    except PackageNotFoundError:
        return "unknown"


def warn_of_official_distribution(distribution: str) -> None:
    """Warn if ``distribution`` (``neptune-query``) is installed: its files and ours have the same names.

    Which of the two is imported then depends on the order of installation and of ``sys.path``. Directories
    are looked at directly, because importing ``importlib.metadata`` takes longer than everything else here.
    """
    pattern = f"{distribution.replace('-', '_')}-*.dist-info"
    for entry in sys.path:
        found = next(Path(entry or ".").glob(pattern), None)
        if found is not None:
            warnings.warn(
                f"{distribution} ({found.name.removesuffix('.dist-info').rpartition('-')[2]}) is installed beside "
                "neptune-frames, which brings a package of the same name. Which one is imported is left to chance: "
                f"uninstall {distribution}, then reinstall neptune-frames.",
                UserWarning,
                stacklevel=3,
            )
            return
