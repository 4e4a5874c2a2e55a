"""`python -m edge_runtime` is `ferrogate`."""

import sys

from edge_runtime.cli import main

sys.exit(main())
