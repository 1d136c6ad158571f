"""PURE: a small breadth-first explorer: every reachable state, with the way it was reached.

Nodes are any hashable value, labels say what the environment chose. Nothing here knows what is being explored.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

N = TypeVar("N", bound=Hashable)
L = TypeVar("L")

NODES_MAX = 3_000_000
"""An exploration that grows beyond this is a mistake in the model: 1.5 GB of Python objects."""


class Step(NamedTuple, Generic[N, L]):
    """One line of a trace: in ``node``, after the environment's choice ``label`` (None: an initial state)."""

    label: L | None
    node: N


class Graph(Generic[N, L]):
    """What was reached: per node the first way there (breadth first: a shortest one) and its successors."""

    def __init__(self) -> None:
        self.parents: dict[N, tuple[N, L] | None] = {}
        self.edges: dict[N, tuple[N, ...]] = {}
        self.transitions = 0

    def __len__(self) -> int:
        return len(self.parents)

    def __iter__(self) -> Iterator[N]:
        return iter(self.parents)

    def trace(self, node: N) -> list[Step[N, L]]:
        """From an initial state to ``node``."""
        way: list[Step[N, L]] = []
        at: N | None = node
        while at is not None:
            link = self.parents[at]
            way.append(Step(None if link is None else link[1], at))
            at = None if link is None else link[0]
        return way[::-1]


def explore(
    initial: Iterable[N],
    successors: Callable[[N], Iterable[tuple[L, N]]],
    nodes_max: int = NODES_MAX,
    stop: Callable[[], bool] | None = None,
) -> Graph[N, L]:
    """All nodes reachable from ``initial``. ``stop`` is asked after every node: True ends the search early.

    ``successors`` yields every transition; two to the same node count twice. Raises RuntimeError beyond ``nodes_max``.
    """
    graph: Graph[N, L] = Graph()
    parents = graph.parents
    for node in initial:
        parents[node] = None
    waiting = deque(parents)
    while waiting:
        node = waiting.popleft()
        following = set()
        for label, after in successors(node):
            graph.transitions += 1
            following.add(after)
            if after not in parents:
                parents[after] = (node, label)
                waiting.append(after)
        graph.edges[node] = tuple(following)
        if len(parents) > nodes_max:
            raise RuntimeError(f"more than {nodes_max} nodes: the model does not close")
        if stop is not None and stop():
            break
    return graph


def cannot_reach(graph: Graph[N, L], is_goal: Callable[[N], bool]) -> list[N]:
    """Nodes from which no goal can be reached any more, in the order in which they were found."""
    before: dict[N, list[N]] = {}
    for node, following in graph.edges.items():
        for after in following:
            before.setdefault(after, []).append(node)
    reached = {node for node in graph if is_goal(node)}
    waiting = deque(reached)
    while waiting:
        for node in before.get(waiting.popleft(), ()):
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return [node for node in graph if node not in reached]


class Bound(NamedTuple, Generic[N]):
    """The longest way to the goal: its length in steps, and the nodes on it."""

    steps: int
    way: tuple[N, ...]


def longest_way(
    starts: Iterable[N], successors: Callable[[N], Iterable[N]], is_goal: Callable[[N], bool], steps_max: int
) -> Bound[N]:
    """How many steps the goal takes at most, whatever is chosen. ``steps_max + 1`` steps mean: not within the bound."""
    way_to: dict[N, N | None] = {node: None for node in starts if not is_goal(node)}
    layers: list[dict[N, N | None]] = []
    while way_to and len(layers) <= steps_max:
        layers.append(way_to)
        way_to = {after: node for node in way_to for after in successors(node) if not is_goal(after)}
    way: list[N] = []
    if layers:
        at: N | None = next(iter(layers[-1]))
        for layer in reversed(layers):
            assert at is not None
            way.append(at)
            at = layer[at]
    return Bound(len(layers), tuple(reversed(way)))
