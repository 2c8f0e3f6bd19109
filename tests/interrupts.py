"""Commands that are interrupted while processes of their own work for them."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil


def interrupted(command, n_workers, number=signal.SIGINT, **options):
    """Send a signal to a command once it has so many workers: its exit code, what it printed, and the workers."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # whose processes all get the signal, as those of a terminal do
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
        **options,
    )
    workers, end = [], time.monotonic() + 120
    try:
        while len(workers) < n_workers:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end, "the workers never started"
            time.sleep(0.01)
            with contextlib.suppress(psutil.Error, OSError):  # one that has ended since
                children = psutil.Process(process.pid).children(recursive=True)
                workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        out, err = process.communicate()
    return process.returncode, out, err, workers
