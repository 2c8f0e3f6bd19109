"""``python -m competency``: the command line."""

import sys

from competency.cli import main

sys.exit(main())
