import json
import subprocess

import pytest

from benchmarks.site import commits
from benchmarks.site.commits import CommitError, resolve, resolve_range


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder, text):
    (folder / "competency").mkdir(exist_ok=True)
    (folder / "competency" / "a.py").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """Three commits, the first of which is the baseline `first`."""
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    hashes = [commit(folder, text) for text in ("one", "two", "three")]
    (tmp_path / "baselines.json").write_text(json.dumps({"first": hashes[0]}))
    monkeypatch.setattr(commits, "ROOT", folder)
    monkeypatch.setattr(commits, "BASELINES", tmp_path / "baselines.json")
    return folder, hashes


def test_names(repo):
    _, hashes = repo
    assert resolve("first").hash == resolve("HEAD~2").hash == hashes[0]
    assert resolve("HEAD").hash == resolve("main").hash == resolve(hashes[2][:8]).hash == hashes[2]
    assert resolve("first").title == f"first ({hashes[0][:7]} one)"


@pytest.mark.parametrize("name", ["nowhere", "HEAD~3", "--all", "HEAD:competency", "", "first^{tree}"])
def test_unknown_commit(repo, name):
    with pytest.raises(CommitError, match=r"^unknown commit .*: expected a baseline \(first\) or a git revision$"):
        resolve(name)


def test_range(repo):
    _, hashes = repo
    assert resolve_range("ALL") == resolve_range("HEAD") == hashes
    assert resolve_range("HEAD~2..HEAD") == hashes[1:]
    with pytest.raises(CommitError, match=r"^no commit in range 'HEAD..HEAD'"):
        resolve_range("HEAD..HEAD")
    with pytest.raises(CommitError, match=r"^unknown commit 'HEAD~9..HEAD'"):
        resolve_range("HEAD~9..HEAD")


def test_a_shallow_clone_says_what_to_fetch(repo, tmp_path, monkeypatch):
    folder, _ = repo
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{folder}", "shallow")
    monkeypatch.setattr(commits, "ROOT", tmp_path / "shallow")
    assert resolve("HEAD").name == "HEAD"
    for name in ("first", "HEAD~1"):
        with pytest.raises(CommitError, match=rf"^this shallow clone lacks '{name}': fetch it with `git fetch --unsh"):
            resolve(name)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "expected JSON"),
        ("[]", "expected an object"),
        ('{"first": "HEAD"}', "'first' is 'HEAD': expected a full hash"),
        ('{"first": 3}', "'first' is 3: expected a full hash"),
    ],
)
def test_bad_baselines(repo, text, named):
    commits.BASELINES.write_text(text)
    with pytest.raises(CommitError, match=rf"^baselines.json: .*{named}"):
        resolve("HEAD")


def test_without_git(repo, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommitError, match=r"^git is not installed: expected it on the PATH$"):
        resolve("HEAD")


def test_uncommitted_changes_of_the_library(repo):
    folder, _ = repo
    (folder / "notes.txt").write_text("")
    assert not commits.uncommitted()
    (folder / "competency" / "b.py").write_text("")
    assert commits.uncommitted()


def test_first_is_a_commit_of_this_project():
    names = json.loads((commits.Path(commits.__file__).parents[1] / "baselines.json").read_text("utf-8"))
    assert next(iter(names)) == "first"
