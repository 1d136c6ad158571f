"""What is changed: mutmut's own mutants of functions, and the mutants that mutmut cannot run, made here.

mutmut 3 changes only the bodies of undecorated functions. The safety code is to a good part tables (guards, trips,
states in which they act, rows), constants and properties, so this module makes those mutants too: with mutmut's
operators, and with four more for tables (a member dropped, a lambda that always or never holds, the next state or
command in a row). Both kinds are named by what they change, not by a number that moves with every edit.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import Mutation, MutationVisitor, deep_replace
from mutmut.mutation.mutators import (
    OPERATORS_TYPE,
    mutation_operators,
    operator_if_exp,
    operator_keywords,
    operator_name,
    operator_number,
    operator_remove_unary_ops,
    operator_swap_op,
)
from mutmut.mutation.pragma_handling import IgnoredCode
from mutmut.mutation.trampoline_templates import mangle_function_name

from drivers.wire.plc import PlcCommand, PlcState

PACKAGES = ("controller/safety", "firmware_sim/plc")
FUNCTION, PROPERTY, TABLE = "function", "property", "table"
_MEMBERS = {
    "S": [state.name for state in PlcState],
    "C": [command.name for command in PlcCommand],
}
"""Short names under which the tables know an enum -> its members in order."""


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change of one file, in ``place``: a function (then ``number`` is mutmut's), a property or a table."""

    kind: str
    path: str
    place: str
    number: int
    mutation: Mutation
    holder: cst.CSTNode
    """The function, method or statement that holds it."""
    tree: cst.Module

    @property
    def module(self) -> str:
        """Dotted name of the module."""
        return module_of(self.path)

    @property
    def name(self) -> str:
        """For this state of the sources; mutmut's own name for the mutants of functions."""
        if self.kind != FUNCTION:
            return f"{self.module}.{self.place}__{self.kind}_{self.number}"
        owner, _, name = self.place.rpartition(".")
        return f"{self.module}.{mangle_function_name(name=name, class_name=owner or None)}__mutmut_{self.number}"

    def source(self) -> str:
        """The whole file with this one change."""
        mutated = deep_replace(self.tree, self.mutation.original_node, self.mutation.mutated_node)
        assert isinstance(mutated, cst.Module)
        return mutated.code

    def key(self) -> str:
        """``module.place | old lines => new lines``, the same after edits elsewhere."""
        mutated = deep_replace(self.holder, self.mutation.original_node, self.mutation.mutated_node)
        assert isinstance(mutated, cst.CSTNode)
        old, new = self.tree.code_for_node(self.holder).splitlines(), self.tree.code_for_node(mutated).splitlines()
        while old and new and old[-1] == new[-1]:
            del old[-1], new[-1]
        first = next((at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), len(new))
        old, new = [line.strip() for line in old[first:]], [line.strip() for line in new[first:]]
        return f"{self.module}.{self.place} | {' '.join(old)} => {' '.join(new)}"


def module_of(path: str) -> str:
    """``firmware_sim/plc/link.py`` -> ``firmware_sim.plc.link``."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def source_files(root: Path) -> tuple[str, ...]:
    """All files of both packages, relative to ``root``."""
    return tuple(
        path.relative_to(root).as_posix() for package in PACKAGES for path in sorted((root / package).rglob("*.py"))
    )


def find_mutants(root: Path, prefixes: tuple[str, ...]) -> tuple[Mutant, ...]:
    """All mutants of the files whose path begins with one of ``prefixes``."""
    files = [path for path in source_files(root) if path.startswith(prefixes)]
    return tuple(mutant for path in files for mutant in list_mutants(root, path))


def sources_hash(root: Path) -> str:
    """SHA-256 over names and bytes of both packages: what a result is a result of."""
    digest = hashlib.sha256()
    for path in source_files(root):
        digest.update(path.encode() + b"\0" + (root / path).read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def list_mutants(root: Path, path: str) -> tuple[Mutant, ...]:
    """All mutants of one file: mutmut's own in its own order, then those of tables, constants and properties."""
    wrapper = MetadataWrapper(cst.parse_module((root / path).read_text(encoding="utf-8")))
    tree = wrapper.module
    places = _Places(tree)
    found: list[tuple[str, str, Mutation]] = []
    for mutation in _visit(wrapper, MutationVisitor, mutation_operators):
        if isinstance(mutation.contained_by_top_level_function, cst.FunctionDef):
            found.append((FUNCTION, places.of(mutation), mutation))
    mutated = {place for _, place, _ in found}
    for mutation in _visit(wrapper, _PropertyVisitor, mutation_operators):
        function = mutation.contained_by_top_level_function
        if isinstance(function, cst.FunctionDef) and function.decorators and places.of(mutation) not in mutated:
            found.append((PROPERTY, places.of(mutation), mutation))
    for mutation in _visit(wrapper, _TableVisitor, TABLE_OPERATORS):
        if not isinstance(mutation.contained_by_top_level_function, cst.FunctionDef):
            found.append((TABLE, places.of(mutation), mutation))
    counts: Counter[tuple[str, str]] = Counter()
    mutants = []
    for kind, place, mutation in found:
        counts[kind, place] += 1
        mutants.append(Mutant(kind, path, place, counts[kind, place], mutation, places.holder_of(mutation), tree))
    return tuple(mutants)


def _visit(wrapper: MetadataWrapper, visitor: type[MutationVisitor], operators: OPERATORS_TYPE) -> list[Mutation]:
    found = visitor(operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(found)
    return found.mutations


class _PropertyVisitor(MutationVisitor):
    """mutmut's visitor, but into decorated functions as well (not into the decorators)."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return False if isinstance(node, cst.FunctionDef) else super()._skip_node_and_children(node)


class _TableVisitor(MutationVisitor):
    """Only what stands outside functions; not ``__slots__``."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Assign):
            target = node.targets[0].target
            if isinstance(target, cst.Name) and target.value == "__slots__":
                return True
        skipped = isinstance(node, (cst.FunctionDef, cst.AssignTarget))
        return skipped or super()._skip_node_and_children(node)


class _Places:
    """Finds the name of the function, method, table or class that holds a node."""

    def __init__(self, tree: cst.Module) -> None:
        self._names: dict[int, str] = {}
        self._holders: dict[int, cst.CSTNode] = {}
        for statement in tree.body:
            name = _name_of(statement)
            for node in _walk(statement):
                self._names[id(node)] = name
                self._holders[id(node)] = statement
            if isinstance(statement, cst.ClassDef):
                for member in statement.body.body:
                    if isinstance(member, cst.FunctionDef):
                        for node in _walk(member):
                            self._names[id(node)] = f"{name}.{member.name.value}"
                            self._holders[id(node)] = member

    def of(self, mutation: Mutation) -> str:
        return self._names[id(mutation.original_node)]

    def holder_of(self, mutation: Mutation) -> cst.CSTNode:
        return self._holders[id(mutation.original_node)]


def _walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _name_of(statement: cst.CSTNode) -> str:
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        return statement.name.value
    if isinstance(statement, cst.SimpleStatementLine):
        first = statement.body[0]
        if isinstance(first, cst.AnnAssign) and isinstance(first.target, cst.Name):
            return first.target.value
        if isinstance(first, cst.Assign) and isinstance(first.targets[0].target, cst.Name):
            return first.targets[0].target.value
    return "module"


# ---- operators for tables -------------------------------------------------------------------------------------------


def drop_member(node: cst.Tuple | cst.Set | cst.Dict) -> Iterable[cst.CSTNode]:
    """Drop each member of a written-down tuple, set or dict in turn; an empty set is not a set any more."""
    if isinstance(node, cst.Set) and len(node.elements) == 1:
        yield cst.Call(cst.Name("set"))
        return
    for index in range(len(node.elements)):
        rest = [element for at, element in enumerate(node.elements) if at != index]
        if isinstance(node, cst.Tuple) and len(rest) == 1 and isinstance(rest[0], cst.Element):
            rest = [rest[0].with_changes(comma=cst.Comma())]
        yield node.with_changes(elements=rest)


def other_number(node: cst.BaseNumber) -> Iterable[cst.CSTNode]:
    """One more; twice as much where one more is no more."""
    for mutated in operator_number(node):
        if isinstance(node, cst.Float) and isinstance(mutated, cst.Float) and float(mutated.value) == float(node.value):
            yield node.with_changes(value=repr(2.0 * float(node.value)))
        else:
            yield mutated


def lambda_always(node: cst.Lambda) -> Iterable[cst.Lambda]:
    """A predicate that always, and one that never holds."""
    for word in ("True", "False"):
        yield node.with_changes(body=cst.Name(word))


def next_member(node: cst.Attribute) -> Iterable[cst.Attribute]:
    """``S.FLOAT`` -> ``S.ISOLATE``: another state or command in a row or a set of states."""
    if isinstance(node.value, cst.Name) and node.attr.value in _MEMBERS.get(node.value.value, ()):
        members = _MEMBERS[node.value.value]
        follower = members[(members.index(node.attr.value) + 1) % len(members)]
        yield node.with_changes(attr=cst.Name(follower))


TABLE_OPERATORS: OPERATORS_TYPE = [
    (cst.BaseNumber, other_number),
    (cst.Name, operator_name),
    (cst.UnaryOperation, operator_remove_unary_ops),
    (cst.CSTNode, operator_keywords),
    (cst.CSTNode, operator_swap_op),
    (cst.IfExp, operator_if_exp),
    (cst.Tuple, drop_member),
    (cst.Set, drop_member),
    (cst.Dict, drop_member),
    (cst.Lambda, lambda_always),
    (cst.Attribute, next_member),
]
