"""Runs the benchmarks, each in a process of its own, and prints the table.

./scripts/bench [--quick] [--write] [--profile] [NAME ...]
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from . import growth, report
from .measuring import Effort, Row, run

NAMES = (
    "negotiation",
    "records",
    "pairing",
    "connection",
    "command",
    "states",
    "pictures",
    "home",
    "restart",
    "start",
    "key_service",
    "many",
)
"""Each a module with a coroutine `measure`, which returns its rows."""

PATIENCE_SECONDS = 1800


def main() -> int:
    """Measure all that was asked for; tell whether each could be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only whether each runs")
    parser.add_argument("--write", action="store_true", help="put the table into the document")
    parser.add_argument(
        "--profile", action="store_true", help="where the time goes of Secure Pair's side"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    effort = Effort(quick=arguments.quick, profile=arguments.profile)
    before, failed, rows = report.machine(), [], list[Row]()
    print(f"{before}\n\n{'' if effort.profile else report.HEAD}", flush=True)
    for name in arguments.names or NAMES:
        with ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), max_tasks_per_child=1
        ) as process:
            try:
                found = process.submit(run, name, effort).result(PATIENCE_SECONDS)
            except Exception as error:  # noqa: BLE001 - the others run all the same
                failed.append(name)
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
        rows += found
        if not effort.profile:
            print("\n".join(map(report.line, found)), flush=True)
    if not effort.profile:
        print(f"\n{report.counts(rows)}")
    if arguments.write and not failed and not effort.profile:
        report.write(rows, before)
        growth.draw(rows)
    if failed:
        print(f"\ncould not be measured: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
