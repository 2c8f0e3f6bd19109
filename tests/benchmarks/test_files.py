import os
import re
import stat
from pathlib import Path

import pytest

from benchmarks.heap.files import TargetError, check_targets, write_atomically, written_whole


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "page.html"
    write_atomically(path, "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")

    def interrupted():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"\xc3\xa9\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    link, file = tmp_path / "link.json", tmp_path / "there" / "file.json"
    link.symlink_to(file)
    for text in ("new", "newer"):  # at first it leads nowhere
        write_atomically(link, text)
        assert link.is_symlink()
        assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("through_link", [False, True])
def test_what_is_no_regular_file_stays(tmp_path, through_link):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    path = link if through_link else pipe
    refusal = f"^cannot write {re.escape(repr(str(path)))}: expected the name of a regular file, or a new one$"
    for refused in (lambda: write_atomically(path, "text"), lambda: check_targets([path])):
        with pytest.raises(TargetError, match=refusal):
            refused()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(tmp_path.iterdir()) == [link, pipe]


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(TargetError, match=f"^cannot write '{tmp_path}': expected the name of a regular file"):
        write_atomically(tmp_path, "text")
    with pytest.raises(TargetError, match=f"^cannot write '{tmp_path}/no/x': expected a file in a folder that exists$"):
        write_atomically(tmp_path / "no" / "x", "text")
    with pytest.raises(TargetError, match=r"^cannot write '': expected the name of a regular file"):
        write_atomically("", "text")


def test_a_target_is_no_input_and_no_other_target(tmp_path):
    file, link, other = tmp_path / "file", tmp_path / "link", tmp_path / "other"
    link.symlink_to(file)
    check_targets([file, other], inputs=[tmp_path])
    for paths, inputs in (([file], [link]), ([link], [file]), ([other, link, file], [])):
        with pytest.raises(TargetError, match=f"^cannot write '{paths[-1]}': expected another file than is read or"):
            check_targets(paths, inputs)


def test_a_folder_that_takes_no_file(tmp_path, monkeypatch):
    def refused(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    for method in ("write_bytes", "unlink"):
        monkeypatch.setattr(f"pathlib.Path.{method}", refused)
    with pytest.raises(TargetError, match=f"^cannot write '{tmp_path}/x': Permission denied$"):
        write_atomically(tmp_path / "x", "text")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no file, whoever asks")
def test_a_folder_that_takes_no_file_is_refused_beforehand(tmp_path):
    check_targets([tmp_path / "x"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TargetError, match=r"^cannot write .*/proc/x.: No such file or directory$"):
        check_targets([tmp_path / "x", "/proc/x"])
