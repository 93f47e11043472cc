"""What tests/deploy looks at: `check.py CHECK ROOT …`. Prints what holds, and every fault; exit 1 on one."""

import sys
from pathlib import Path

import breaks
import live
import machines
import manifests
import watching

CHECKS = {
    "alerts": watching.alerts,
    "dashboards": watching.dashboards,
    "scrape": watching.scrape,
    "chart": manifests.chart,
    "kustomize": manifests.kustomize,
    "compose": machines.compose,
    "container": machines.container,
    "systemd": machines.systemd,
    "proxy": live.proxy,
    "live": live.demo,
    "breaks": breaks.all_found,
}


def main():
    name, root, *rest = sys.argv[1:]
    # A check gives what it saw, and its faults.
    seen, faults = CHECKS[name](Path(root), *rest)
    for fault in faults:
        print(f"  {name}: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"  {name:<11} {seen}")


if __name__ == "__main__":
    main()
