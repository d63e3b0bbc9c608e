"""Settings: how the text of an environment variable is understood, and refused."""

from __future__ import annotations

import pytest

from neptune_frames import config
from neptune_frames.errors import InvalidSettingError
from neptune_frames.sources.remote.connections import Connections


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "on", " True "])
def test_a_switch_is_on(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_VERIFY_SSL", text)
    assert config.VERIFY_SSL.get() is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "OFF"])
def test_a_switch_is_off(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_VERIFY_SSL", text)
    assert config.VERIFY_SSL.get() is False


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_switch_is_unset(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_VERIFY_SSL", text)
    assert config.VERIFY_SSL.get() is True


@pytest.mark.parametrize("text", ["maybe", "tru", "2", "disabled", "-"])
def test_other_words_turn_nothing_off(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_VERIFY_SSL", text)
    with pytest.raises(InvalidSettingError, match=r"NEPTUNE_VERIFY_SSL=.*it must be true, 1, yes or on"):
        Connections()._open("https")
