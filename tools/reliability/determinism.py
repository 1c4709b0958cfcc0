"""Run the workflow twice with the same seed and compare the results.

Run with ``make determinism-test`` or ``python -m tools.reliability.determinism``: two runs on two cores, and one on one
core. Exit code 1 if anything except times and numbers of threads differs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from .compare import compare
from .launch import SMOKE, Workplace


def main() -> int:
    """Run the test; exit code 1 if there are differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=SMOKE)
    parser.add_argument("--keep", type=Path, help="working folder to keep")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="gliofit-determinism-"))
    places = {}
    for name, count in (("first", 2), ("second", 2), ("one-core", 1)):
        places[name] = Workplace(folder / name, options.config.resolve(), count)
        code, said = places[name].run()
        if code:
            print(said[-5000:])
            return 1
    again = compare(places["first"].results, places["second"].results)
    print(f"the same seed twice on two cores: {again}", flush=True)
    cores = compare(places["one-core"].results, places["first"].results, other_cores=True)
    print(f"on one core and on two: {cores}")
    different = bool(again.differences or cores.differences)
    if options.keep is None and not different:
        shutil.rmtree(folder)
    else:
        print(f"left in {folder}")
    return int(different)


if __name__ == "__main__":
    sys.exit(main())
