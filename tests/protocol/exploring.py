"""Breadth first through all that can happen, up to the first world that must not be."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Explored[W]:
    """How many worlds there are, and the shortest way to one that is wrong."""

    worlds: int
    way: tuple[tuple[str, W], ...] = ()
    """What happens, and the world behind it."""
    wrong: str = ""

    @property
    def story(self) -> str:
        """What happens, step by step, and what is wrong in the end."""
        return "\n".join([*(event for event, _ in self.way), f"=> {self.wrong}"])


def explore[W: Hashable](
    start: W,
    steps: Callable[[W], Iterable[tuple[str, W]]],
    wrong: Callable[[W], str | None],
) -> Explored[W]:
    """Look at every world that can be reached; `wrong` says what must not be."""
    came_from: dict[W, tuple[str, W] | None] = {start: None}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        if what := wrong(world):
            way = []
            while (before := came_from[world]) is not None:
                way.append((before[0], world))
                world = before[1]
            return Explored(len(came_from), tuple(reversed(way)), what)
        for event, after in steps(world):
            if after not in came_from:
                came_from[after] = event, world
                queue.append(after)
    return Explored(len(came_from))
