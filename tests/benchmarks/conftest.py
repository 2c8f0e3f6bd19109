import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest


class Browser:
    """A headless Chromium, driven by the WebDriver protocol."""

    def __init__(self, address, folder):
        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder}",
            "--window-size=1400,1000",
        ]
        wanted = {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }
        self.address = address
        session = self.call("/session", {"capabilities": {"alwaysMatch": wanted}})
        self.address = f"{address}/session/{session['sessionId']}"

    def call(self, path, body=None, method="POST"):
        data = None if method == "DELETE" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script, *arguments):
        return self.call("/execute/sync", {"script": script, "args": arguments})

    def wait(self, script):
        """Wait until a script returns what is true."""
        end = time.monotonic() + 20
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)
        return value

    def press(self, selector, keys=None):
        """Click an element, or type into it."""
        element = next(iter(self.call("/element", {"using": "css selector", "value": selector}).values()))
        self.call(f"/element/{element}/{'value' if keys else 'click'}", keys and {"text": keys})

    def hover(self, selector):
        """Bring the pointer over an element."""
        self.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
        element = self.call("/element", {"using": "css selector", "value": selector})
        moves = [{"type": "pointerMove", "x": x, "y": 0, "origin": element} for x in (0, 1)]
        self.call("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def cells(self, column):
        rows = "document.querySelectorAll('#sites tbody tr:not([hidden])')"
        return self.run(f"return [...{rows}].map(row => row.cells[{column}].textContent)")

    def log(self):
        return [entry["message"] for entry in self.call("/se/log", {"type": "browser"})]


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs chromium and chromedriver")
    # a group of its own, so that no browser outlives a test that was stopped
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        port = next(match[1] for line in driver.stdout if (match := re.search(r"on port (\d+)\.", line)))
        yield Browser(f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("browser"))
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.stdout.close()
        driver.wait()
