"""Every code block of the README and of the pages under docs/ runs.

Python blocks of a page run in order in one namespace; shell blocks run line by line. Both see the demo
archive as a reader would after `make demo`: in `demo-output/`, and in NEPTUNE_ARCHIVE and NEPTUNE_PROJECT.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_SHELL = ("bash", "sh")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    content = page.read_text()
    for match in _FENCE.finditer(content):
        yield Block(page, content.count("\n", 0, match.start()) + 2, match.group(1), match.group(2))


def run_python(block: Block, namespace: dict[str, object]) -> None:
    # Blank lines in front keep the line numbers of tracebacks those of the page.
    source = "\n" * (block.line - 1) + block.text
    exec(compile(source, str(block.page), "exec"), namespace)


def run_shell(block: Block, environment: dict[str, str], directory: Path) -> None:
    """Run the commands of a block. Make targets are only resolved: CI makes them for real."""
    for line in block.text.replace("\\\n", " ").splitlines():
        command = line.split(" #")[0].strip()
        if not command or command.startswith("#"):
            continue
        words = shlex.split(command)
        if words[0] == "export":
            environment.update(word.split("=", 1) for word in words[1:])
        elif words[0] == "make":
            subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True, capture_output=True)
        elif words[:2] == ["neptune-frames", "serve"]:
            serve_and_stop(words, environment, directory)
        elif words[:2] == ["pip", "install"] or words[:2] == ["git", "clone"] or words[0] == "cd":
            continue  # the environment of the test is what these lead to
        else:
            subprocess.run(command, shell=True, cwd=directory, env=environment, check=True, timeout=120)


def serve_and_stop(words: list[str], environment: dict[str, str], directory: Path) -> None:
    """Start a server on a free port, wait for its address, and stop it."""
    server = subprocess.Popen(
        [*words, "--port", "0"],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert any("http://" in line for line in server.stdout), "the server printed no address"
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.fixture(scope="session")
def demo_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the archive that `make demo` leaves behind."""
    from neptune_frames.demo.archive import write_archive

    directory = tmp_path_factory.mktemp("reader")
    write_archive(directory / "demo-output")
    return directory


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_runs(page: Path, demo_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies the blocks of a page in order sees them work."""
    from neptune_frames.demo.archive import PROJECT

    monkeypatch.chdir(demo_directory)
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(demo_directory / "demo-output"))
    monkeypatch.setenv("NEPTUNE_PROJECT", PROJECT)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "agg")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            run_python(block, namespace)
        elif block.language in _SHELL:
            environment = dict(os.environ)
            run_shell(block, environment, demo_directory)
            for name, value in environment.items():
                monkeypatch.setenv(name, value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"
