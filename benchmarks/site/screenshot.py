"""A picture of the report, taken by a headless Chromium."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.heap.files import TargetError, check_targets, write_atomically

WIDTH, HEIGHT = 1280, 1000


def screenshot(page: Path, view: str, file: Path) -> None:
    """Take a picture of a published page.

    Parameters
    ----------
    page : Path
        The page.
    view : str
        What follows ``#`` in its address.
    file : Path
        A PNG file to write.

    Raises
    ------
    ValueError
        Where there is no such page, no browser, or the browser fails.
    TargetError
        Where the file cannot be written.
    """
    if not page.is_file():
        raise ValueError(f"{str(page)!r} does not exist: expected `tox -e bench` or `asv publish` to have been run")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise ValueError("no browser: expected chromium, chromium-browser or google-chrome on the PATH")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"cannot write {str(file)!r}: {error.strerror or error}") from None
    check_targets([file])
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "screenshot.png")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}",
            f"--window-size={WIDTH},{HEIGHT}", "--virtual-time-budget=10000", f"--screenshot={made}",
            f"{page.resolve().as_uri()}#{view}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not made.is_file():
            raise ValueError(f"{browser} took no picture: {done.stderr.strip()[-200:]}")
        write_atomically(file, made.read_bytes())
