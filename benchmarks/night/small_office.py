"""The SiteLink sandbox with many small facilities and a slow line, in a process of its own.

It is started with how many facilities of how many units. Each line ``N S`` opens the first N of them, and lets every
call wait S seconds; it is answered by ``ready`` and how many units and tenants those have. The first line out is the
address.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from pmsbridge_sitelink.sandbox.office import Office
from pmsbridge_sitelink.sandbox.server import SandboxServer


def open_all(office: Office, facilities: int) -> tuple[int, int]:
    """Make the books before anybody asks: what is measured is who reads. How many units and tenants."""
    sites = [office.site(code) for code in office.codes[:facilities]]
    return sum(len(site.units) for site in sites), sum(len(site.tenants) for site in sites)


def main() -> None:
    """Until standard input ends."""
    facilities, units = int(sys.argv[1]), int(sys.argv[2])
    with SandboxServer(sites=facilities, units=units) as server:
        print(json.dumps({"url": server.base_url}), flush=True)
        for line in sys.stdin:
            wanted, seconds = line.split()
            server.plan.clear()
            server.plan.inject({"operation": "*", "kind": "delay", "seconds": float(seconds), "probability": 1})
            print("ready", *open_all(server.office, int(wanted)), flush=True)


if __name__ == "__main__":
    main()
