"""Types of attributes named without one (neptune_query reference 3.7)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence

import pytest

from neptune_frames.errors import AttributeTypeInferenceError, NeptuneUserError
from neptune_frames.query.filters import Attribute, Filter
from neptune_frames.query.inference import infer_sort, infer_types, require_sort, require_types
from neptune_frames.query.nql import parse, render
from neptune_frames.query.selection import SortKey
from neptune_frames.warnings import AttributeWarning

PROJECT = {"lr": {"float"}, "mixed": {"int", "string"}, "odd": {"float", "bool"}, "loss": {"float_series"}}


class Lookup:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, names: Sequence[str]) -> Mapping[str, set[str]]:
        self.asked.append(list(names))
        return {name: PROJECT[name] for name in names if name in PROJECT}


def test_types_are_looked_up_in_one_go() -> None:
    wanted = (Filter.gt("lr", 0) & Filter.exists("loss")) | ~(Filter.eq("sys/owner", "me") & Filter.lt("lr", 1))
    before = copy.deepcopy(wanted.expression)
    lookup = Lookup()
    typed = infer_types(wanted.expression, lookup)
    assert lookup.asked == [["lr", "loss"]]
    assert typed is not None
    assert render(typed) == (
        '((`lr`:float > "0") AND (`loss`:floatSeries EXISTS)) OR '
        '(NOT ((`sys/owner`:string == "me") AND (`lr`:float < "1")))'
    )
    assert wanted.expression == before


@pytest.mark.parametrize(
    "query", ["sys/state = idle", "sys/tags CONTAINS a", "`mixed`:int = 1", "max(mixed) > 1", "`unknown`:bool = true"]
)
def test_known_types_need_no_lookup(query: str) -> None:
    lookup = Lookup()
    typed = infer_types(parse(query), lookup)
    assert lookup.asked == []
    assert typed is not None
    assert typed.operand.type is not None  # type: ignore[union-attr]


def test_nothing_to_infer() -> None:
    lookup = Lookup()
    assert infer_types(None, lookup) is None
    typed = Filter.eq(Attribute("lr", "float"), 1).expression
    assert infer_types(typed, lookup) is typed
    assert lookup.asked == []


def test_conflicts_are_all_named_and_win_over_warnings() -> None:
    wanted = Filter.eq("mixed", 1) & Filter.eq("odd", 1) & Filter.eq("unknown", 1)
    with pytest.raises(AttributeTypeInferenceError) as caught:
        infer_types(wanted.expression, Lookup())
    assert caught.value.attribute_names == ["mixed", "odd"]
    assert caught.value.details == ["'mixed' has the types int, string", "'odd' has the types bool, float"]


def test_unknown_names_become_strings_with_a_warning_here() -> None:
    with pytest.warns(AttributeWarning, match="'unknown': Attribute doesn't exist in the project") as caught:
        typed = infer_types(Filter.eq("unknown", 1).expression, Lookup())
    assert typed is not None
    assert render(typed) == '`unknown`:string == "1"'
    assert caught[0].filename == __file__


def test_sorting() -> None:
    lookup = Lookup()
    assert infer_sort(Attribute("lr"), False, lookup) == SortKey("lr", "float", False)
    assert lookup.asked == [["lr"]]
    assert infer_sort(Attribute("lr", "int"), True, lookup) == SortKey("lr", "int", True)
    assert infer_sort(Attribute("sys/creation_time"), True, lookup) == SortKey()
    assert lookup.asked == [["lr"]]
    with pytest.warns(AttributeWarning, match="conflicting types: int, string; only the runs where it is a string"):
        assert infer_sort(Attribute("mixed"), True, lookup) == SortKey("mixed", "string", True)
    with pytest.warns(AttributeWarning, match="conflicting types: float, int; the rows are not sorted by it"):
        assert infer_sort(Attribute("mixed"), True, lambda _: {"mixed": {"int", "float"}}).type == "string"
    with pytest.warns(AttributeWarning, match="'unknown': Attribute doesn't exist"):
        assert infer_sort(Attribute("unknown"), True, lookup) == SortKey("unknown", "string", True)


def test_across_projects_types_must_be_given() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AttributeTypeInferenceError) as caught:
            require_types((Filter.eq("lr", 1) | Filter.eq("sys/name", 1) | Filter.exists("lr")).expression)
        assert caught.value.attribute_names == ["lr", "sys/name"]
        assert len(caught.value.details) == 2
        typed = Filter.eq(Attribute("lr", "float"), 1).expression
        assert require_types(typed) is typed
        assert require_types(None) is None
        with pytest.raises(NeptuneUserError, match=r"Attribute\('sys/name', type=\.\.\.\)"):
            require_sort(Attribute("sys/name"), True)
        assert require_sort(Attribute("sys/name", "string"), False) == SortKey("sys/name", "string", False)
