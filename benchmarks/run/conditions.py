"""Under what conditions commits were measured: asv records neither versions of libraries nor the BLAS."""

import json
import subprocess
from collections.abc import Iterable

from benchmarks.heap.files import write_atomically
from benchmarks.run import suite
from benchmarks.site.commits import ROOT
from benchmarks.site.results import Setting, beside, read_conditions

# Printed by the environment's own Python.
_PROGRAM = """
import json, platform
from importlib.metadata import version
import numpy
facts = {"python": platform.python_version()} | {name: version(name) for name in ("numpy", "scipy", "memray")}
blas = numpy.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
facts["blas"] = f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
print(json.dumps(facts))
"""


def record(hashes: Iterable[str], since: float) -> None:
    """Remember what the suite's environment holds now, beside what is remembered of each commit.

    Parameters
    ----------
    hashes : iterable of str
        Commits.
    since : float
        Seconds since 1970: a commit whose results are older was not measured now.
    """
    from asv.config import Config
    from asv.environment import get_environments
    from asv.machine import Machine

    (environment,) = get_environments(Config.load(str(ROOT / "asv.conf.json")), [])
    try:
        command = [environment.find_executable("python"), "-c", _PROGRAM]
        facts = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    except (OSError, subprocess.CalledProcessError):  # nothing could be measured without it, and asv has said so
        return
    setting = Setting(Machine.get_unique_machine_name(), environment.name)
    for one in hashes:
        results = (suite.STATE / "results" / setting.machine).glob(f"{one[:8]}-*.json")
        if not any(path.stat().st_mtime >= since for path in results):
            continue
        folder = beside(suite.STATE / "results", "conditions", setting, one)
        path = folder.with_name(f"{folder.name}.json")
        known = read_conditions(path)
        if facts not in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps([*known, facts], indent=1))
