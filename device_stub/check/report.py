"""The run as its user reads it: a line a check, with the section of docs/protocol.md."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from .finding import Finding, Verdict

_STYLE = {Verdict.HELD: "green", Verdict.BROKEN: "bold red", Verdict.NOT_TRIED: "yellow"}
_WIDTH = max(map(len, Verdict))


class Report:
    """Prints each finding when it is there, and counts."""

    def __init__(self, console: Console) -> None:
        """Print nothing yet."""
        self._console = console
        self._count: Counter[Verdict] = Counter()

    @property
    def all_held(self) -> bool:
        """Tell whether nothing did not hold, and anything did."""
        return not self._count[Verdict.BROKEN] and bool(self._count[Verdict.HELD])

    def show(self, finding: Finding) -> None:
        """Print one line, and what was found instead."""
        self._count[finding.verdict] += 1
        line = Text(f"{finding.verdict:{_WIDTH}}", _STYLE[finding.verdict])
        line.append(f"  {f'§{finding.check.section}':3}  {finding.check.name}", "default")
        if finding.detail:
            line.append(f"\n{'':{_WIDTH}}       {finding.detail}", "dim")
        self.say(line)

    def end(self) -> None:
        """Print the sum."""
        self.say(", ".join(f"{self._count[verdict]} {verdict.lower()}" for verdict in Verdict))

    def say(self, text: str | Text) -> None:
        """Print a line as it is, however long."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
