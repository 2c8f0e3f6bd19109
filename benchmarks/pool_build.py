"""A pool from a file with one candidate a line."""

import json
from pathlib import Path

from benchmarks import common


class PoolBuild(common.Speed):
    operation = "pool_build"

    def track_ratio_to_parsing(self, n_candidates):
        """Time over that of `json.loads` of the lines alone."""
        embedder, file = common.arguments(self.operation, (n_candidates,))
        run = common.OPERATIONS[self.operation].run

        def parse():
            with Path(common.open_again(file)).open("rb") as lines:
                for line in lines:
                    json.loads(line)

        return common.ratio_in_turns(lambda: run(embedder, file), parse, rounds=5)

    track_ratio_to_parsing.unit = "times"


class PoolBuildHeap(common.Heap):
    operation = "pool_build"

    def setup_cache(self):
        return common.heap_figures(self.operation)
