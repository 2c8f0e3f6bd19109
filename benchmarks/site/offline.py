"""The trend pages without a network: asv's data, shown by scripts and styles that stand beside it.

The stock page of asv takes its scripts from other hosts; asv-tachyon shows the same data by its own. A page that was
opened as a file may not fetch that data: a packed copy of it answers in either case.
"""

import json
import re
import subprocess
import sys
from html import escape
from pathlib import Path

import asv

from benchmarks.heap.files import write_atomically
from benchmarks.heap.html import script_hash
from benchmarks.site.pack import UNPACK, write_packed

# Answers what the page would fetch. It asks for files that asv does not write, too: from here that fails no request.
_ANSWER = """
const files = site.load("trends", "trends.js").then(JSON.parse);
globalThis.fetch = async (address) => {
  const [name, folder] = [address, "."].map((one) => decodeURIComponent(new URL(one, location.href).pathname));
  const text = (await files)[name.slice(folder.length)];
  return new Response(text ?? "", { status: text === undefined ? 404 : 200 });
};
"""

_STYLE = """
.site-bar { display: flex; gap: 1rem; padding: .5rem 1rem; background: #f4f5f7; font: 1rem/1.5 system-ui, sans-serif; }
.site-bar a { color: #0b5cad; }
@media (prefers-color-scheme: dark) { .site-bar { background: #20242b; } .site-bar a { color: #7db7f5; } }
"""


def make_offline(html: Path, project: str) -> None:
    """Replace the pages of a published site by such that load nothing from elsewhere, and link them to the report.

    Parameters
    ----------
    html : Path
        asv's ``html_dir``, after everything else was written to it.
    project : str
        Its name.
    """
    for stock in Path(asv.__file__).with_name("www").iterdir():
        (html / stock.name).unlink(missing_ok=True)
    command = [sys.executable, "-m", "asv_tachyon", "install", "--no-backup", str(html)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    _drop_fonts(html / "assets")
    files = {path.relative_to(html).as_posix(): path.read_text("utf-8") for path in sorted(html.rglob("*.json"))}
    write_packed(html / "trends.js", "trends", json.dumps(files))
    write_atomically(html / "index.html", _page((html / "index.html").read_text("utf-8"), project))


def _drop_fonts(assets: Path) -> None:
    """Browsers give no font to a page that was opened as a file, and say so; the styles name the system's, too."""
    for sheet in assets.glob("*.css"):
        write_atomically(sheet, re.sub(r"@font-face\s*\{[^}]*\}", "", sheet.read_text("utf-8")))
    for font in [*assets.glob("*.woff"), *assets.glob("*.woff2")]:
        font.unlink()


def _page(content: str, project: str) -> str:
    """The page of asv-tachyon with the links; a module may not be loaded from a file, a deferred script may."""
    loader = f"{UNPACK.read_text('utf-8')}{_ANSWER}"
    content = re.sub(r' type="module"| crossorigin(="[^"]*")?', "", content)
    content = re.sub(r"<script (?=[^>]*\bsrc=)", "<script defer ", content)
    policy = (
        f"default-src 'none'; script-src 'self' {script_hash(loader)}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'"
    )
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<style>{_STYLE}</style>\n<script>{loader}</script>\n"
    )
    bar = '<nav class="site-bar"><a href="report/index.html">Report: before and after</a></nav>\n'
    content = re.sub(r"<title>.*?</title>", f"<title>{escape(project)}: trends</title>", content)
    content = content.replace('<meta charset="UTF-8" />', f'<meta charset="UTF-8" />\n{head}', 1)
    return content.replace("<body>", f"<body>\n{bar}", 1)
