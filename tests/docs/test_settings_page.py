"""docs/configuration.md shows the settings as the code has them."""

from __future__ import annotations

import re
from pathlib import Path

from neptune_frames import config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
PACKAGES = Path(__file__).resolve().parents[2] / "python"
_VARIABLE = re.compile(r"[\"'](NEPTUNE_[A-Z_]+)[\"']")


def test_the_table_is_the_one_of_the_code() -> None:
    """To repair it: `python -c "import neptune_frames.config as c; print(c.describe())"`, between the two marks."""
    _, _, rest = PAGE.read_text().partition("<!-- settings -->\n")
    table, mark, _ = rest.partition("\n<!-- end of settings -->")
    assert mark, "docs/configuration.md has lost the marks around its table"
    assert table.strip() == config.describe()


def test_every_variable_the_code_reads_is_a_setting() -> None:
    known = {name for setting in config.SETTINGS for name in (setting.name, *setting.aliases)}
    quoted = {
        name
        for file in PACKAGES.rglob("*.py")
        if file.name != "config.py"
        for name in _VARIABLE.findall(file.read_text())
    }
    assert quoted <= known


def test_every_setting_is_read_somewhere() -> None:
    """A variable that nothing reads would promise what does not happen."""
    sources = "\n".join(file.read_text() for file in PACKAGES.rglob("*.py") if file.name != "config.py")
    names = [name for name, value in vars(config).items() if isinstance(value, config.Setting)]
    unread = [name for name in names if not re.search(rf"\b(?:config\.)?{name}\b", sources)]
    assert not unread, f"nothing reads {unread}"
