"""The command line as a whole: its help, and what it imports."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest

from neptune_frames import cli
from neptune_frames.errors import NeptuneWarning


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys)
    for command in cli.COMMANDS:
        assert f"    {command.name} " in text
        assert command.summary in " ".join(text.split())
    assert "with examples" in text


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.name)
def test_help_of_a_command_is_complete(command: cli.Command, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys, command.name)
    assert text.startswith(f"usage: neptune-frames {command.name} ")
    assert "example" in text
    assert "options:" in text
    assert text.count("--") > 1


def test_only_the_module_of_the_command_is_imported() -> None:
    code = (
        "import sys; from neptune_frames.cli import make_parser\n"
        "parser = make_parser(); loaded = lambda: [name for name in sys.modules if name.endswith('.command')]\n"
        "assert loaded() == [], loaded(); parser.parse_args(['info', 'archive'])\n"
        "assert loaded() == ['neptune_frames.archives.command'], loaded()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_word_that_is_no_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["exprot"])
    assert stopped.value.code == 2
    assert "export" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["-m", "neptune_frames"], ["-m", "neptune_frames.cli"]])
def test_version(command: list[str]) -> None:
    done = subprocess.run([sys.executable, *command, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"neptune-frames {version('neptune-frames')}\n")


def test_warnings_and_errors_are_a_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(archive: str, files: str | None) -> list[object]:
        warnings.warn("Two files are left out.", NeptuneWarning, stacklevel=1)
        raise PermissionError(13, "Permission denied", "archive/data")

    monkeypatch.setattr("neptune_frames.archives.info.archive_info", run)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.main(["info", "archive"]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown == ["warning: Two files are left out.", "neptune-frames: Permission denied: archive/data"]


def test_ctrl_c_ends_quietly(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(archive: str, files: str | None) -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("neptune_frames.archives.info.archive_info", run)
    assert cli.main(["info", "archive"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_has_enough_is_no_error() -> None:
    """What `neptune-frames info ... | head` meets. Whoever reads is gone before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    code = (
        "import sys; from neptune_frames import cli; import neptune_frames.archives.info as info\n"
        "info.archive_info = lambda *_: []\n"
        "sys.exit(cli.main(['info', 'archive', '--json']))"
    )
    # What is buffered is written at the end only, when nobody would handle the error.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=environment
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_warning_does_not_break_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    from tqdm import tqdm

    with tqdm(total=2, file=sys.stderr, mininterval=0) as bar:
        bar.update(1)
        cli._tell("warning: mind")
    assert re.search(r"(^|[\r\n])\s*warning: mind\n", capsys.readouterr().err)


def test_messages_name_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "kept"]) == 1
    assert cli.main(["export", "kept", "--project", "a/b"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "Give --project workspace/name, or set the environment variable NEPTUNE_PROJECT." in first
    assert "Give --source, set NEPTUNE_API_TOKEN" in second


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", ""],
        ["verify", ""],
        ["convert", "", "kept"],
        ["export", "kept", "--project", "a/b", "--source", ""],
        ["export", " ", "--project", "a/b", "--source", "."],
    ],
    ids=" ".join,
)
def test_a_place_that_is_empty_is_not_the_current_directory(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert "The directory or URL of an archive is empty. Give '.'" in told
    assert list(tmp_path.iterdir()) == []


def test_every_spelling_is_one_of_a_message() -> None:
    package = Path(cli.__file__).parent
    texts = [path.read_text() for path in package.rglob("*.py") if path.name != "cli.py"]
    unbroken = [re.sub(r'"\s*\n\s*f?"', "", text) for text in texts]
    for of_python, _ in cli.SPELLINGS:
        assert any(of_python in text for text in unbroken), of_python
