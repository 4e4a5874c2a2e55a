"""`python -m tests.twin.sabotaged_station SABOTAGE STATION.yaml`: a real station with a saboteur in its link.

For tests alone. Everything but the link is the shipped station process.
"""

from __future__ import annotations

import sys
from functools import partial

from edge_runtime.station import process
from tests.twin.sabotage import Sabotage, SabotagedLink

if __name__ == "__main__":
    # `Station` builds its link by this name.
    setattr(process, "PlcLink", partial(SabotagedLink, Sabotage(sys.argv[1])))  # noqa: B010
    sys.exit(process.main(sys.argv[2:]))
