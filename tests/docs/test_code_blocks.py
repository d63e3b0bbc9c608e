"""Every code block of the README and of the pages under docs/ runs, and says what it is shown to say.

The blocks of a page run in order, in a reader's directory after `make demo`: the demo archive lies in
`demo-output/`, and NEPTUNE_ARCHIVE and NEPTUNE_PROJECT name it. Python blocks share one namespace, shell
blocks one environment. A ```text block right after another block is what that block prints (``...`` stands
for any text, runs of blanks count as one). A server that a page starts runs until the page ends.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: The address that `neptune-frames serve` has unless told otherwise; pages use it, tests take a free port.
DEFAULT_ADDRESS = "http://127.0.0.1:8600"

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_SHELL = ("bash", "sh")
_LIKENESS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block: ``start`` and ``end`` are offsets in the page, ``line`` the number of its first line."""

    page: Path
    start: int
    end: int
    line: int
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    content = page.read_text()
    return [
        Block(page, *match.span(), content.count("\n", 0, match.start()) + 2, match.group(1), match.group(2))
        for match in _FENCE.finditer(content)
    ]


def shown_output(block: Block, following: Block | None) -> str | None:
    """What the page says the block prints: the ```text block right after it, or None."""
    if following is None or following.language != "text":
        return None
    between = block.page.read_text()[block.end : following.start]
    return None if between.strip() else following.text


@dataclass
class Reader:
    """Someone who copies the blocks of a page, one after the other."""

    directory: Path
    environment: dict[str, str]
    namespace: dict[str, object] = field(default_factory=lambda: {"__name__": "__main__"})
    servers: list[subprocess.Popen[str]] = field(default_factory=list)
    address: str = DEFAULT_ADDRESS

    def run(self, block: Block) -> str:
        """What the block prints."""
        text = block.text.replace(DEFAULT_ADDRESS, self.address)
        return self._python(block, text) if block.language == "python" else self._shell(text)

    def leave(self) -> None:
        for server in self.servers:
            server.terminate()
            server.communicate(timeout=30)

    def _python(self, block: Block, text: str) -> str:
        # Blank lines in front keep the line numbers of tracebacks those of the page.
        code = compile("\n" * (block.line - 1) + text, str(block.page), "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, self.namespace)
        return printed.getvalue()

    def _shell(self, text: str) -> str:
        return "".join(self._command(line) for line in text.replace("\\\n", " ").splitlines())

    def _command(self, line: str) -> str:
        """Run one line. Make targets are only resolved: CI makes them for real."""
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        words = shlex.split(line)
        if not words or words[:2] in (["pip", "install"], ["git", "clone"]) or words[0] == "cd":
            return ""  # the environment of the test is what these lead to
        if words[0] == "make":
            subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True, capture_output=True)
            return ""
        if words[:2] == ["neptune-frames", "serve"]:
            self._serve(words)
            return ""
        if words[0] in ("export", "unset"):
            print_environment = (
                f"{shlex.quote(sys.executable)} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
            )
            self.environment = json.loads(self._subprocess(f"{line}\n{print_environment}"))
            return ""
        return self._subprocess(line)

    def _subprocess(self, command: str) -> str:
        done = subprocess.run(
            command, shell=True, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def _serve(self, words: list[str]) -> None:
        """Start a server on a free port, and wait for its address."""
        server = subprocess.Popen(
            [*words, "--port", "0"],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.servers.append(server)
        assert server.stdout is not None
        found = next((match for line in server.stdout if (match := re.search(r"http://[^ )\"]+", line))), None)
        assert found is not None, "the server printed no address"
        self.address = found.group()


@pytest.fixture(scope="session")
def demo_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the archive that `make demo` leaves behind."""
    from neptune_frames.demo.archive import write_archive

    directory = tmp_path_factory.mktemp("reader")
    write_archive(directory / "demo-output")
    return directory


@pytest.fixture
def reader(demo_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    from neptune_frames.demo.archive import PROJECT
    from neptune_frames.sources.choose import close_sources

    monkeypatch.chdir(demo_directory)
    monkeypatch.setenv("NEPTUNE_ARCHIVE", "demo-output")
    monkeypatch.setenv("NEPTUNE_PROJECT", PROJECT)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "agg")
    reader = Reader(demo_directory, dict(os.environ))
    yield reader
    close_sources()
    reader.leave()


@pytest.mark.xdist_group("pages")  # with --dist loadgroup one worker makes the archive, instead of each
@pytest.mark.parametrize("page", list(filter(blocks, PAGES)), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_runs(page: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies the blocks of a page in order sees them work, and print what the page shows."""
    found = blocks(page)
    for block, following in zip_longest(found, found[1:]):
        if block.language != "python" and block.language not in _SHELL:
            continue
        printed = reader.run(block)
        shown = shown_output(block, following)
        if shown is not None:
            alike = doctest.OutputChecker().check_output(shown, printed, _LIKENESS)
            assert alike, f"{page.name}, line {block.line}, prints\n{printed}\nand is shown to print\n{shown}"
        for name in set(os.environ).difference(reader.environment):
            monkeypatch.delenv(name)
        for name, value in reader.environment.items():
            monkeypatch.setenv(name, value)
