"""The station of a family that only lives and dies."""

from __future__ import annotations

import sys

from tests.edge.station.family.common import main

if __name__ == "__main__":
    sys.exit(main("station"))
