"""Selectors against lists of definitions."""

from __future__ import annotations

import pyarrow as pa
import pytest

from neptune_frames.query.arguments import resolve_attributes
from neptune_frames.query.filters import AttributeFilter, BaseAttributeFilter
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector
from neptune_frames.query.selectors import match_names

DEFINITIONS = [
    ("loss", "float_series"), ("train/loss", "float_series"), ("train/acc", "float_series"), ("acc", "float"),
    ("acc", "int"), ("a.c", "int"), ("odd`name", "string"), ("two\nlines", "string"), ("żółć", "string"),
]  # fmt: skip


def selected(value: str | list[str] | BaseAttributeFilter | None, allowed: list[str] | None = None) -> list[str]:
    selector = resolve_attributes(value, allowed, "attributes")
    names, types = (pa.array(column) for column in zip(*DEFINITIONS, strict=True))
    mask = match_names(selector, names, types)
    for variant in (names.dictionary_encode(), pa.chunked_array([names[:4], names[4:]])):
        assert match_names(selector, variant, types.dictionary_encode()).tolist() == mask.tolist()
    return [f"{name}:{type}" for (name, type), hit in zip(DEFINITIONS, mask, strict=True) if hit]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("loss", ["loss:float_series", "train/loss:float_series"]),
        ("^loss$", ["loss:float_series"]),
        ("^train/ & !acc", ["train/loss:float_series"]),
        ("^loss | ^acc", ["loss:float_series", "acc:float", "acc:int"]),
        ("!.*", ["two\nlines:string"][:0]),
        ("!a", ["loss:float_series", "two\nlines:string", "żółć:string"]),
        ("s$", ["loss:float_series", "train/loss:float_series", "two\nlines:string"]),
        ("^two$", []),
        (["acc", "a.c", "acc", "nowhere"], ["acc:float", "acc:int", "a.c:int"]),
        (["a.c"], ["a.c:int"]),
        (["odd`name", "żółć"], ["odd`name:string", "żółć:string"]),
        ([], []),
        (AttributeFilter("acc", "int"), ["acc:int"]),
        (AttributeFilter(["acc"], ["int", "float"]), ["acc:float", "acc:int"]),
        (AttributeFilter(type="float"), ["acc:float"]),
        (AttributeFilter(type=[]), []),
        (AttributeFilter(name=[]), []),
        (AttributeFilter("acc", "int") | AttributeFilter("^l"), ["loss:float_series", "acc:int"]),
        (AttributeFilter.any(), []),
    ],
)
def test_selection(value: str | list[str] | BaseAttributeFilter, expected: list[str]) -> None:
    assert selected(value) == expected


def test_everything_and_nothing() -> None:
    assert len(selected(None)) == len(DEFINITIONS)
    assert len(selected("")) == len(DEFINITIONS)
    assert selected(None, ["int"]) == ["acc:int", "a.c:int"]
    empty = pa.array([], pa.string())
    assert match_names(resolve_attributes("a", None, "attributes"), empty, empty).tolist() == []
    nothing = AttributeSelector((AttributeAlternative(("int",), patterns=()),))
    assert match_names(nothing, pa.array(["a"]), pa.array(["int"])).tolist() == [False]
