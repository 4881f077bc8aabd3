"""``python -m pmsbridge.cli`` is ``pmsbridge``."""

from __future__ import annotations

from pmsbridge.cli.running import main

if __name__ == "__main__":
    main()
