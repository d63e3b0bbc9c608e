"""`neptune-frames serve` and `neptune-frames token` as a user meets them."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest

from neptune_frames import cli
from neptune_frames.errors import MissingDependencyError, NeptuneUserError
from neptune_frames.server.api_tokens import PUBLIC_SECRET
from neptune_frames.server.loopback import is_loopback, is_sent_to_loopback
from neptune_frames.server.serve import ServeOptions, check_bind, greeting, run_in_thread, serve


def test_serve_prints_what_to_do_and_stops_cleanly(data_directory: Path) -> None:
    command = [sys.executable, "-m", "neptune_frames.cli", "serve", str(data_directory), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert url is not None, first
        answer = httpx.get(f"{url.group()}/api/backend/v1/clients/config", trust_env=False)
        assert answer.status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        rest, errors = process.stdout.read(), process.stderr.read()
        process.wait(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "NEPTUNE_API_TOKEN" in rest
    assert f"neptune-frames token {url.group()}" in rest
    assert "NEPTUNE_PROJECT" in rest
    assert rest.rstrip().endswith("Stopped.")
    assert errors == ""


@pytest.mark.parametrize("option", ["--secret", "--token"])
def test_token_prints_a_usable_token(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["token", "http://127.0.0.1:8600/", option, "s"]) == 0
    content = json.loads(base64.b64decode(capsys.readouterr().out))
    assert content == {"api_address": "http://127.0.0.1:8600", "api_url": "http://127.0.0.1:8600", "api_key": "s"}


def test_the_secret_need_not_be_on_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(*more: str) -> str:
        assert cli.main(["token", "http://127.0.0.1:8600", *more]) == 0
        return str(json.loads(base64.b64decode(capsys.readouterr().out))["api_key"])

    monkeypatch.setenv("NEPTUNE_FRAMES_SECRET", "from-the-environment")
    assert key() == "from-the-environment"
    assert key("--secret", "s") == "s"
    monkeypatch.setenv("NEPTUNE_FRAMES_SECRET", "")
    assert key() == PUBLIC_SECRET


@pytest.mark.parametrize(
    ("arguments", "environment", "secret"),
    [
        ([], None, None),
        (["--token", "s"], None, "s"),
        (["--secret", "s"], None, "s"),
        ([], "e", "e"),
        (["--token", "s"], "e", "s"),
    ],
)
def test_serve_takes_the_secret_by_either_name_or_from_the_environment(
    arguments: list[str],
    environment: str | None,
    secret: str | None,
    data_directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if environment is not None:
        monkeypatch.setenv("NEPTUNE_FRAMES_SECRET", environment)
    served: list[ServeOptions] = []
    monkeypatch.setattr("neptune_frames.server.serve.serve", served.append)
    assert cli.main(["serve", str(data_directory), *arguments]) == 0
    assert [options.token for options in served] == [secret]


@pytest.mark.parametrize("command", [["serve", "data"], ["token", "http://127.0.0.1:8600"]])
def test_an_empty_secret_is_refused_by_both_commands(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--secret", ""]) == 1
    assert "The secret is empty" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["127.0.0.1:8600", "ftp://host", "http://", ""])
def test_token_refuses_what_is_no_address(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["token", url])
    assert stopped.value.code == 2
    assert "http://127.0.0.1:8600" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org"])
def test_open_bind_needs_a_secret(host: str) -> None:
    for public in (None, PUBLIC_SECRET):
        with pytest.raises(NeptuneUserError, match="--token"):
            check_bind(host, public)
    check_bind(host, "secret")


@pytest.mark.parametrize("secret", ["", "  "])
def test_empty_secret_is_refused(secret: str) -> None:
    with pytest.raises(NeptuneUserError, match="empty"):
        check_bind("127.0.0.1", secret)


def test_loopback_needs_no_secret() -> None:
    check_bind("127.0.0.1", None)
    check_bind("localhost", None)
    assert is_loopback("127.1.2.3")
    assert not is_loopback("localhost.example.org")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LocalHost:1", True),
        ("127.0.0.1:8600", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("[::1]:8600", True),
        ("", False),
        ("evil.example:8600", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil.example#@localhost", False),
        ("192.168.1.1", False),
        ("[fe80::1]:8600", False),
        ("::1", False),
        ("[", False),
        ("[::1", False),
    ],
)
def test_which_host_headers_name_this_machine(host: str, local: bool) -> None:
    assert is_sent_to_loopback(host) == local


def test_refusals_are_one_line_and_a_status(data_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", str(data_directory / "nowhere")]) == 1
    assert cli.main(["serve", str(data_directory), "--host", "0.0.0.0"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "nowhere" in lines[0]
    assert "--token" in lines[1]


def test_port_in_use_is_named(data_directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NeptuneUserError, match=str(port)):
            serve(ServeOptions(data_directory, port=port))
    with pytest.raises(NeptuneUserError, match="70000"):
        serve(ServeOptions(data_directory, port=70000))


def test_missing_dependency_says_what_to_install(data_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'neptune-frames\[server\]'"):
        serve(ServeOptions(data_directory))


def test_token_needs_no_server_dependencies() -> None:
    code = (
        "import sys; sys.modules.update(starlette=None, uvicorn=None, pyarrow=None)\n"
        "from neptune_frames.cli import main; main(['token', 'http://127.0.0.1:1'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_greeting_never_shows_the_secret(data_directory: Path) -> None:
    text = greeting("http://0.0.0.0:8600", ServeOptions(data_directory, host="0.0.0.0", token="s3cret"), [])
    assert "s3cret" not in text
    assert "--secret SECRET" in text
    # A wildcard address is nothing to connect to.
    assert f"token http://{socket.gethostname()}:8600" in text
    assert "none yet" in text


def test_greeting_names_the_projects(data_directory: Path) -> None:
    text = greeting("http://127.0.0.1:8600", ServeOptions(data_directory), [f"team/p{n}" for n in range(13)])
    assert "export NEPTUNE_PROJECT=team/p0" in text
    assert "  team/p9\n" in text
    assert "... and 3 more" in text


def test_server_in_a_thread_ends_with_its_context(data_directory: Path) -> None:
    with run_in_thread(ServeOptions(data_directory, port=0)) as server:
        assert httpx.get(server.url, trust_env=False).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)


def test_what_keeps_a_server_in_a_thread_from_starting_is_raised(
    data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cause = ValueError("no configuration")
    monkeypatch.setattr("uvicorn.Config.load", Mock(side_effect=cause))
    begun = threading.enumerate()
    options = ServeOptions(data_directory, port=0)
    with pytest.raises(ValueError, match="no configuration") as error, run_in_thread(options):
        pass
    assert error.value is cause
    assert threading.enumerate() == begun


def test_a_host_that_is_not_known_is_named_first(data_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--secret", "s"]):
        assert cli.main(["serve", str(data_directory), "--host", "nosuchhost.invalid", *more]) == 1
        error = capsys.readouterr().err
        assert "The host 'nosuchhost.invalid' is not known." in error
        assert "--host" in error
        assert "--port" not in error


def test_an_address_of_another_machine_is_refused(data_directory: Path) -> None:
    with pytest.raises(NeptuneUserError, match=r"192\.0\.2\.1:8600 cannot be used: .*Give an address .* --host"):
        serve(ServeOptions(data_directory, host="192.0.2.1", token="s"))


def test_a_port_that_is_none_is_told_in_one_sentence(data_directory: Path) -> None:
    with pytest.raises(NeptuneUserError, match=r"0-65535\. Choose another port"):
        serve(ServeOptions(data_directory, port=70000))


def test_a_file_is_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("")
    assert cli.main(["serve", str(tmp_path / "README.md")]) == 1
    assert "README.md is a file, not a directory." in capsys.readouterr().err
    assert cli.main(["serve", str(tmp_path / "nowhere")]) == 1
    assert "nowhere does not exist." in capsys.readouterr().err
