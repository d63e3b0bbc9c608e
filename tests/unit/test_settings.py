"""Settings: how the text of an environment variable is understood, and refused."""

from __future__ import annotations

import pytest

import neptune_fetcher
import neptune_query
from neptune_frames import config
from neptune_frames.errors import InvalidSettingError, NeptuneApiTokenNotProvided
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


@pytest.mark.parametrize("setting", [config.HTTP_TIMEOUT, config.FILES_TIMEOUT], ids=lambda setting: setting.name)
@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_a_timeout_that_waits_for_nothing_or_for_ever_is_refused(
    setting: config.Setting[float], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.name, text)
    with pytest.raises(InvalidSettingError, match=setting.name):
        setting.get()


def test_transfers_have_the_timeout_of_requests_unless_they_have_their_own() -> None:
    assert Connections()._open("http").timeout.read == 60.0
    assert Connections(timeout=5.0)._open("http").timeout.read == 5.0


@pytest.mark.parametrize("setting", [one for one in config.SETTINGS if isinstance(one.default, (int, float))])
def test_what_is_no_number_is_told_in_words(setting: config.Setting[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting.name, "many")
    with pytest.raises(InvalidSettingError, match=rf"{setting.name}='many' cannot be used: it must be (a|true)"):
        setting.get()


def test_names_within_the_search_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.MAX_PROJECTED_ATTRIBUTES.name, "0")
    assert config.MAX_PROJECTED_ATTRIBUTES.get() == 0
    monkeypatch.setenv(config.MAX_PROJECTED_ATTRIBUTES.name, "-1")
    with pytest.raises(InvalidSettingError, match="0 or more"):
        config.MAX_PROJECTED_ATTRIBUTES.get()


def test_the_fetcher_names_of_a_setting_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_FETCHER_FILES_TIMEOUT", "5")
    assert config.FILES_TIMEOUT.get() == 5.0


@pytest.mark.parametrize("token", ["", "  "])
def test_an_empty_token_is_as_good_as_none(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_API_TOKEN", token)
    with pytest.raises(NeptuneApiTokenNotProvided):
        neptune_query.list_experiments(project="team/vision")
    with pytest.raises(ValueError, match="NEPTUNE_API_TOKEN"):
        neptune_fetcher.ReadOnlyProject("team/vision")
