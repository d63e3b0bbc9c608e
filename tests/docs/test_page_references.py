"""What pages, comments and docstrings name exists: other pages, files, tests, benchmarks, Python names."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PACKAGES = ("neptune_frames", "neptune_query", "neptune_fetcher")

_FENCE = re.compile(r"^```.*?^```\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")
_CODE = re.compile(r"`([^`\n]+)`")
_DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
_PYTHON_PATH = re.compile(rf"(?:{'|'.join(PACKAGES)})/[\w/]+(?:\.py|\.lark)?")
_ROOT_PATH = re.compile(r"(?:tests|benchmarks|docs)/[\w/.-]+")
_FILE_IN_CODE = re.compile(r"(?<![\w/.-])(?:tests|benchmarks|docs)/[\w/-]+\.(?:py|md|txt)\b")
_TEST = re.compile(r"(test_\w+\.py)::(test_\w+)")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def code_words(page: Path) -> set[str]:
    """What stands between backquotes."""
    return set(_CODE.findall(prose(page)))


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists, and a heading that is in it."""
    for target, fragment in _LINK.findall(prose(page)):
        linked = page.parent / target if target else page
        assert linked.exists(), f"{page.name} links to {target}, which does not exist"
        if fragment and linked.suffix == ".md":
            anchors = map(anchor, _HEADING.findall(prose(linked)))
            assert fragment in anchors, f"{page.name} links to {target}#{fragment}, where there is no such heading"


def test_every_page_is_in_the_index() -> None:
    """docs/README.md leads to every page."""
    index = (DOCS / "README.md").read_text()
    missing = [page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index]
    assert not missing


@every_page
def test_files_exist(page: Path) -> None:
    for word in code_words(page):
        if _PYTHON_PATH.fullmatch(word):
            assert (ROOT / "python" / word).exists(), f"{page.name} names {word}, which does not exist"
        elif _ROOT_PATH.fullmatch(word):
            assert (ROOT / word).exists(), f"{page.name} names {word}, which does not exist"


@pytest.mark.parametrize("package", PACKAGES)
def test_what_comments_and_docstrings_name_exists(package: str) -> None:
    missing = []
    for source in sorted((ROOT / "python" / package).rglob("*.py")):
        text = source.read_text()
        missing += [f"{source}: {path}" for path in _FILE_IN_CODE.findall(text) if not (ROOT / path).exists()]
        names = {word.removesuffix("()") for word in _CODE.findall(text)}
        missing += [f"{source}: {name}" for name in names if _DOTTED.fullmatch(name) and not exists(name)]
    assert not missing


@every_page
def test_python_names_exist(page: Path) -> None:
    for word in code_words(page):
        name = word.removesuffix("()")
        if _DOTTED.fullmatch(name):
            assert exists(name), f"{page.name} names {name}, which does not exist"


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return part in getattr(found, "__dataclass_fields__", {})
            found = getattr(found, part)
        return True
    return False


@every_page
def test_tests_that_are_named_exist(page: Path) -> None:
    for file, name in _TEST.findall(page.read_text()):
        definitions = [path.read_text() for path in (ROOT / "tests").rglob(file)]
        assert definitions, f"{page.name} names {file}"
        assert any(f"def {name}(" in text for text in definitions), f"{page.name} names {file}::{name}"


def test_benchmarks_that_are_named_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/peers.md names scenarios of `make bench` after the word benchmark(s), and in the second table."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.calls import SCENARIOS

    named = set(scenarios_named((DOCS / "peers.md").read_text()))
    assert named, "docs/peers.md names no scenario"
    assert named <= {*SCENARIOS, "import"}
    sys.modules.pop("benchmarks.calls", None)


def scenarios_named(text: str) -> Iterator[str]:
    list_of_points, _, measurements = text.partition("## The measurements")
    for words in re.findall(r"benchmarks? ((?:`[a-z-]+`(?:, )?)+)", list_of_points):
        yield from _CODE.findall(words)
    for row in re.findall(r"^\| [^|]+ \| (.+) \|$", measurements, re.MULTILINE):
        yield from (word for word in _CODE.findall(row) if "/" not in word)
