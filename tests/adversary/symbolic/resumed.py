"""What has to hold of later connections."""

from collections import Counter

from .runs import World
from .search import Search
from .views import holder_sees, holders, resumer_sees, resumers


def replay(search: Search, world: World) -> str | None:
    """A device answers an r1 that its terminal has sent for this greeting, and once."""
    sent = Counter(
        (at.r1, at.greeting.random)
        for _, at in resumers(search.scene, world)
        if at.greeting is not None
    )
    for run, at in holders(search.scene, world):
        this = at.r1, run.greeting.random
        if not sent[this]:
            known = any(at.r1 == r1 for r1, _ in sent)
            how = "that was sent for another greeting" if known else "that no terminal has sent"
            return f"{run.name} answers an r1 {how}"
        sent[this] -= 1
    return None


def resumer_agrees(search: Search, world: World) -> str | None:
    answered = Counter(holder_sees(run, at) for run, at in holders(search.scene, world))
    for run, at in resumers(search.scene, world):
        if at.resumed is None:
            continue
        view = resumer_sees(at)
        if not answered[view]:
            return f"{run.name} has resumed, and no device is in the same conversation"
        answered[view] -= 1
    return None


def holder_agrees(search: Search, world: World) -> str | None:
    done = Counter(
        resumer_sees(at) for _, at in resumers(search.scene, world) if at.resumed is not None
    )
    for run, at in holders(search.scene, world):
        if at.traffic is None:
            continue
        view = holder_sees(run, at)
        if not done[view]:
            return f"{run.name} has resumed, and no terminal is in the same conversation"
        done[view] -= 1
    return None


def gone(search: Search, world: World) -> str | None:
    for run, at in holders(search.scene, world):
        assert at.answered is not None
        if at.traffic is not None and at.answered.session not in at.sessions:
            return f"{run.name} has resumed a session that the device no longer holds"
    return None
