"""Where downloaded files go: ``destination / label / attribute path [/ step] + extension``.

The layout is documented (neptune-query reference, 5.2); ordinary names give the documented paths. Beyond
that no name leaves the destination, no component is longer than a file system takes, and no two files
meet at one path: those that would are told apart by a digest of who they are.
"""

from __future__ import annotations

import mimetypes
import os
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from neptune_frames.errors import NeptuneUserError

if TYPE_CHECKING:
    from neptune_frames.types import File

#: What common file systems take as one component, in bytes.
_COMPONENT_BYTES = 255
_RESERVED_ON_WINDOWS = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³")]
)

#: Parts of paths repeat from file to file; names of runs may be any number.
_remembered = lru_cache(maxsize=4096)

Parts = tuple[str, ...]
Key = TypeVar("Key", bound=Hashable)


def target_paths(files: Sequence[File], destination: Path, *, windows: bool = os.name == "nt") -> list[Path]:
    """The path of each file below ``destination``; equal files share one.

    Args:
        files: What will be downloaded, together.
        destination: An absolute directory.
        windows: Avoid the names Windows keeps for devices.

    Example:
        >>> from neptune_frames.types import File
        >>> file = File("team/vision", "exp-1", None, "plots/roc curve", 3.0, "a1b2", 10, "image/png")
        >>> target_paths([file], Path("/data"), windows=False)[0].as_posix()
        '/data/exp-1/plots/roc_curve/step_3_000000.png'
    """
    parts = {file: _parts(file, windows) for file in files}
    among = colliding(parts)
    parts.update({file: _with_digest(file, parts[file]) for file in among})
    if among and (still := colliding(parts)):
        raise NeptuneUserError(
            f"The files {', '.join(sorted(file.attribute_path for file in still))} would be written to the same path. "
            "Download them in separate calls, to different destinations."
        )
    return [destination.joinpath(*parts[file]) for file in files]


def _parts(file: File, windows: bool) -> Parts:
    """The components below the destination. Absolute-looking names stay below their label."""
    names = [*_split(file.container_identifier), *_split(file.attribute_path)]
    if file.step is not None:
        names.append(f"step_{file.step:.6f}")
    *directories, name = [_sanitised(part, windows) for part in names] or ["_"]
    extension = _extension(file.mime_type)
    return (*(shortened(part) for part in directories), shortened(name, extension))


def cleaned_parts(*paths: str) -> Parts:
    """Components of slash-separated names, one after the other, without what file systems take badly.

    >>> cleaned_parts("run 1", "/abs/./train.py")
    ('run_1', '_', 'abs', 'train_py')
    """
    return tuple(_sanitised(part, False) for path in paths for part in _split(path)) or ("_",)


def _split(path: str) -> list[str]:
    """Components of a slash-separated name. A leading slash is a component of its own; ``.`` is none."""
    root = ["/"] if path.startswith("/") else []
    return root + [part for part in path.split("/") if part not in ("", ".")]


@_remembered
def _sanitised(part: str, windows: bool) -> str:
    clean = "".join(character if character.isalnum() or character in "_-" else "_" for character in part)
    return clean + "_" if windows and clean.upper() in _RESERVED_ON_WINDOWS else clean


def _extension(mime_type: str) -> str:
    return mimetypes.guess_extension(mime_type) or ""


def shortened(part: str, ending: str = "") -> str:
    """The part with its ending, cut to what a file system takes; a digest stands for what was cut."""
    room = _COMPONENT_BYTES - len(ending.encode())
    encoded = part.encode()
    if len(encoded) > room:
        tail = f"_{digest_of(part)}"
        part = encoded[: room - len(tail)].decode(errors="ignore") + tail
    return part + ending


def _with_digest(file: File, parts: Parts) -> Parts:
    identity = "\n".join([file.project_identifier, file.container_identifier, file.attribute_path, repr(file.step)])
    stem, dot, extension = parts[-1].partition(".")
    return (*parts[:-1], shortened(stem, f"_{digest_of(identity)}{dot}{extension}"))


def digest_of(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def colliding(paths: Mapping[Key, Parts]) -> list[Key]:
    """Those whose path is also that of another or of a directory, on any common file system.

    Some file systems ignore case or the way an accent is composed.
    """
    by_key: dict[Parts, list[Key]] = defaultdict(list)
    for each, path in paths.items():
        by_key[tuple(folded(part) for part in path)].append(each)
    directories = {key[:length] for key in by_key for length in range(1, len(key))}
    return [each for key, group in by_key.items() if len(group) > 1 or key in directories for each in group]


@_remembered
def folded(part: str) -> str:
    return unicodedata.normalize("NFC", part).casefold()
