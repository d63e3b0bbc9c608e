"""The command line as a whole: its help, and what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from neptune_frames import cli


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
