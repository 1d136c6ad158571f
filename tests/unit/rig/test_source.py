# ruff: noqa: E501 - the messages are compared as whole lines
"""The YAML reader: bounds act first, every refusal has file and line, values follow YAML 1.2."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.rig.source import ALIASES_MAX, BYTES_MAX, DEPTH_MAX, VALUES_MAX, Refused, load, walk

ALIAS_BOMB = b"a: &a [x, x]\n" + b"".join(
    b"b%d: &b%d [%s]\n" % (i, i, b", ".join([b"*b%d" % (i - 1) if i else b"*a"] * 9)) for i in range(9)
)


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        load(data, "f.yaml")
    return str(caught.value)


def test_values_follow_yaml_1_2():
    document = load(b"a: [NO, on, 1e3, 010, 12:30, ~, true, '7', -2, 0x10]\nb: {c: 4.5 kV}\n", "f.yaml")
    assert document.data == {
        "a": ["NO", "on", 1000.0, 10, "12:30", None, True, "7", -2, "0x10"],
        "b": {"c": "4.5 kV"},
    }


def test_lines_are_found_by_path_and_fall_back_to_the_parent():
    document = load(b"a: 1\nb:\n  - x: 1\n    y:\n      z: 2\n", "f.yaml")
    assert [document.line(p) for p in [("a",), ("b", 0, "x"), ("b", 0, "y", "z"), ("b", 0, "missing"), ()]] == [
        1,
        3,
        5,
        3,
        1,
    ]
    assert str(document.problem(("b", 0, "y"), "is odd", "make it even")) == "f.yaml:4: b[0].y: is odd; make it even"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f.yaml: the file is empty; see configs/ for an example"),
        (b" \n\t\n", "f.yaml: the file is empty; see configs/ for an example"),
        (b"a: 1\nb: {a: 1,\n  a: 2}\n", "f.yaml:3: b.a: duplicate key, first given on line 2; keep one of them"),
        (b"a: 1\na: 2\n", "f.yaml:2: a: duplicate key, first given on line 1; keep one of them"),
        (b"a: 1\nb: \xff\n", "f.yaml:2: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"\xff\xfea\x00", "f.yaml:1: byte 0xff is not UTF-8; save the file as UTF-8"),
        (
            b"- 1\n",
            "f.yaml:1: the file holds no mapping at its top level; write `key: value` lines; see configs/ for an example",
        ),
        (b"a: *x\n", "f.yaml:1: alias *x refers to nothing complete; define &x before it is used"),
        (b"a: &x {b: *x}\n", "f.yaml:1: alias *x refers to nothing complete; define &x before it is used"),
        (b"a: 1\n---\nb: 1\n", "f.yaml:2: a second document starts here; keep one document per file"),
        (b"? [1]\n: 2\n", "f.yaml:1: a key must be one word; quote the text or remove the brackets"),
        (
            b"a: !!python/object:os.system x\n",
            "f.yaml:1: tag tag:yaml.org,2002:python/object:os.system is not allowed; "
            "remove the tag; quote the value to make it text",
        ),
        (
            b"a:\n\tb: 1\n",
            "f.yaml:2: not valid YAML: found character '\\t' that cannot start any token; indent with spaces, not tabs",
        ),
    ],
)
def test_bad_files_are_refused_with_the_exact_message(data: bytes, message: str):
    assert refusal(data) == message


def test_a_huge_file_is_refused_before_it_is_read():
    assert refusal(b"x" * (BYTES_MAX + 1)) == (
        f"f.yaml: the file is larger than {BYTES_MAX} bytes; a configuration file is a few kilobytes"
    )


def test_an_alias_bomb_is_refused_while_it_is_counted():
    assert refusal(ALIAS_BOMB) == (
        f"f.yaml:5: the file expands to more than {VALUES_MAX} values; remove the nested aliases"
    )
    assert f"more than {ALIASES_MAX} aliases" in refusal(b"a: &a x\nb: [" + b"*a, " * (ALIASES_MAX + 1) + b"x]\n")


def test_deep_nesting_is_refused():
    assert f"nested deeper than {DEPTH_MAX} levels" in refusal(b"a: " + b"[" * 500)
    assert load(b"a: " + b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1), "f.yaml").data["a"]


def test_a_few_aliases_are_fine():
    assert load(b"a: &a {x: 1}\nb: [*a, *a]\n", "f.yaml").data == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}


def test_walk_visits_every_leaf_in_order():
    assert list(walk({"a": [1, {"b": 2}], "c": 3})) == [(("a", 0), 1), (("a", 1, "b"), 2), (("c",), 3)]


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="ab: -[]{}&*!?|>'\"#%@,\n\t0123.", max_size=120).map(str.encode))
def test_any_bytes_are_a_document_or_a_refusal(data: bytes):
    try:
        assert isinstance(load(data, "f.yaml").data, dict)
    except Refused as refused:
        assert all(str(problem).startswith("f.yaml") for problem in refused.problems)
