"""Recorded heap profiles of the core operations, commit by commit, for the report."""

import json
import os
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from benchmarks.heap.dhat import DhatError, load
from benchmarks.run import suite
from benchmarks.site.commits import ROOT, Commit
from benchmarks.site.results import Setting, beside

OPERATIONS = ("embed", "similarity", "score", "match", "batch")

# The library comes from the environment, the instruments from here: as asv's own workers have it.
_PROGRAM = """
import json, sys
from asv_runner._aux import update_sys_path
folder, arguments = json.loads(sys.argv[1])
update_sys_path(folder)
from benchmarks.heap.__main__ import main
sys.exit(main(arguments))
"""


def _is_recorded(path: Path) -> bool:
    """Whether a file holds a profile: no report could read a damaged one."""
    try:
        load(path)
    except DhatError:
        return False
    return True


def record(commit: Commit, operations: Collection[str] = OPERATIONS) -> Iterator[str]:
    """Record what is missing or damaged; yields a line for each file written, and for each operation that failed."""
    from asv.config import Config
    from asv.environment import get_environments
    from asv.machine import Machine
    from asv.repo import get_repo
    from asv.util import ProcessError

    conf = Config.load(str(ROOT / "asv.conf.json"))
    (environment,) = get_environments(conf, [])
    setting = Setting(Machine.get_unique_machine_name(), environment.name)
    folder = beside(suite.STATE / "results", "profiles", setting, commit.hash)
    missing = [name for name in OPERATIONS if name in operations and not _is_recorded(folder / f"{name}.json")]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        environment.create()
        environment.install_project(conf, get_repo(conf), commit.hash)
    except ProcessError:
        yield f"no profiles of {commit.name}: it cannot be installed"
        return
    python = environment.find_executable("python")
    variables = {**os.environ, **environment.env_vars}
    for name in missing:
        arguments = [str(ROOT / "benchmarks"), ["record", name, "-o", str(folder / f"{name}.json")]]
        with tempfile.TemporaryDirectory() as elsewhere:
            done = subprocess.run(
                [python, "-c", _PROGRAM, json.dumps(arguments)],
                cwd=elsewhere, env=variables, capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode:
            reason = done.stderr.strip().splitlines() or ["no reason given"]
            yield f"no profile of {name} on {commit.name}: {reason[-1]}"
        else:
            yield os.path.relpath(folder / f"{name}.json")
