"""Fails where tests take too few of the branches that `make coverage` has counted: lines prove little of an `if`."""

import json
import subprocess
import sys

LEAST_PERCENT = 95


def main() -> int:
    command = (sys.executable, "-m", "coverage", "json", "-q", "-o", "-")
    counted = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["totals"]
    taken, branches = counted["covered_branches"], counted["num_branches"]
    print(f"{taken} of {branches} branches: {100 * taken / branches:.1f} %, at least {LEAST_PERCENT} % are asked for")
    return 0 if 100 * taken >= LEAST_PERCENT * branches else 1


if __name__ == "__main__":
    sys.exit(main())
