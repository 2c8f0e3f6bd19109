"""Importing the library: anew in a process that has numpy and scipy, and from the start of Python."""

import subprocess
import sys

from benchmarks import common


class Import(common.Speed):
    operation = "import"
    number, warmup_time = 1, common.SAMPLE  # of both: a process is started once, too

    def time_process(self):
        subprocess.run([sys.executable, "-c", "import competency"], check=True)


class ImportHeap(common.Heap):
    operation = "import"

    def setup_cache(self):
        return common.heap_figures(self.operation)
