"""Hold the promise of quality_scale.yaml: how much of each module the tests reach.

Reads a JSON report of coverage's. Prints one line a finding and exits with 1 when there is any.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

INTEGRATION = "custom_components/secure_pair/"

LEAST = 95.0
"""Percent of a module, its branches included."""

WHOLE = frozenset({"config_flow.py"})
"""Modules of which nothing may be left out."""


def check(report: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield the modules that are reached too little; `report`: summaries by their file."""
    of_integration = {
        file.removeprefix(INTEGRATION): summary
        for file, summary in report.items()
        if file.startswith(INTEGRATION)
    }
    for missing in sorted(WHOLE - of_integration.keys()):
        yield f"{missing}: not measured"
    for module, summary in sorted(of_integration.items()):
        reached, least = summary["percent_covered"], 100.0 if module in WHOLE else LEAST
        if reached < least:
            yield f"{module}: {reached:.1f} %, at least {least:.0f} % are promised"


def main() -> int:
    """Check the report that is named."""
    files = json.loads(Path(sys.argv[1]).read_text())["files"]
    findings = list(check({file: measured["summary"] for file, measured in files.items()}))
    print("\n".join(findings) or "Every module is covered as promised.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
