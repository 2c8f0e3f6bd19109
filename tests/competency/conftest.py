import contextlib
import json
import os
import subprocess
import sys
import time

import pytest


@pytest.fixture
def scheduler(tmp_path, request):
    """A scheduler and its one worker (no worker for parameter 0), processes of their own: its process and address."""
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    with contextlib.ExitStack() as stack:

        def start(command, *options):
            program = [sys.executable, "-m", f"distributed.cli.dask_{command}", *options, "--no-dashboard"]
            process = subprocess.Popen(program, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        process = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "scheduler.json")
        file = tmp_path / "scheduler.json"
        while not (file.exists() and file.read_text().endswith("}")):
            assert process.poll() is None
            time.sleep(0.05)
        if getattr(request, "param", 1):
            start("worker", "--scheduler-file", "scheduler.json", "--nthreads", "1", "--no-nanny")
        yield process, json.loads(file.read_text())["address"]
