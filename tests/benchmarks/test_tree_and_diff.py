from hypothesis import given
from hypothesis import strategies as st

from benchmarks.heap import diff, tree
from benchmarks.heap.profile import Frame, Profile, ProgramPoint, sites


def frame(name, line=1):
    return Frame(name, f"{name}.py", line)


def point(size, *stack, blocks=1):
    frames = tuple(entry if isinstance(entry, Frame) else frame(entry) for entry in stack)
    return ProgramPoint(frames, total_bytes=size, total_blocks=blocks, peak_bytes=size // 2)


def profile(*points):
    return Profile("test", 1, points, 1, 2)


PROFILE = profile(point(600, "a", "x", "main"), point(300, "a", "y", "main"), point(100, "b", "main", blocks=50))


def shown(metric="total_bytes", depth=9, threshold=0.0, of=PROFILE):
    return list(tree.lines(of, metric, depth=depth, threshold=threshold))


def test_the_tree():
    assert shown() == [
        "Total bytes: 1.00 kB in 3 program points",
        " 90.0%   900 bytes  ├─ a (a.py:1)",
        " 60.0%   600 bytes  │  ├─ x (x.py:1)",
        "                    │  │  main (main.py:1)",
        " 30.0%   300 bytes  │  └─ y (y.py:1)",
        "                    │     main (main.py:1)",
        " 10.0%   100 bytes  └─ b (b.py:1)",
        "                       main (main.py:1)",
    ]


def test_sorted_by_another_metric():
    assert "b (b.py:1)" in shown("total_blocks")[1]
    assert shown("total_blocks")[1].split()[:2] == ["96.2%", "50"]


def test_depth_and_threshold():
    assert shown(depth=1)[1:] == [
        " 90.0%   900 bytes  ├─ a (a.py:1)",
        " 90.0%   900 bytes  │  └─ 2 more",
        " 10.0%   100 bytes  └─ b (b.py:1)",
        "                       main (main.py:1)",
    ]
    assert shown(threshold=0.35)[-2:] == [" 30.0%   300 bytes  │  └─ 1 more", " 10.0%   100 bytes  └─ 1 more"]


def test_names_cannot_break_the_lines():
    hostile = profile(ProgramPoint((Frame("a\x1b[31m\nb", "c\r.py", 1),), 5, 1))
    text = "\n".join(shown(of=hostile))
    assert "\x1b" not in text
    assert "\r" not in text
    assert len(text.splitlines()) == 2


def test_an_empty_profile():
    assert shown(of=profile()) == ["Total bytes: 0 bytes in 0 program points"]


stacks = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(tuple)


@given(st.dictionaries(stacks, st.integers(1, 1000), min_size=1, max_size=12))
def test_every_node_is_the_sum_of_its_points(sizes):
    root = tree.build(profile(*(point(size, *stack) for stack, size in sizes.items())))

    def check(node, prefix):
        prefix += tuple(entry.function for entry in node.frames)
        assert node.total("total_bytes") == sum(size for stack, size in sizes.items() if stack[: len(prefix)] == prefix)
        own = sizes.get(prefix, 0)
        assert node.total("total_bytes") == own + sum(child.total("total_bytes") for child in node.children)
        for child in node.children:
            check(child, prefix)

    check(root, ())


def test_sites_sum_over_callers():
    (a, b) = sites(PROFILE.points)
    assert (a.frame.function, a.total_bytes, a.total_blocks, a.peak_bytes) == ("a", 900, 2, 450)
    assert (b.frame.function, b.total_bytes, b.total_blocks) == ("b", 100, 50)


def statuses(before, after):
    return {
        (change.site.frame.function, change.site.frame.line): change.status for change in diff.compare(before, after)
    }


def test_what_appeared_vanished_grew_and_shrank():
    before = profile(point(10, "same"), point(10, "less"), point(10, "more"), point(10, "gone"))
    after = profile(point(10, "same"), point(5, "less"), point(50, "more"), point(7, "new"))
    assert statuses(before, after) == {
        ("same", 1): "unchanged",
        ("less", 1): "shrank",
        ("more", 1): "grew",
        ("gone", 1): "vanished",
        ("new", 1): "appeared",
    }
    assert diff.compare(before, after)[0].site.frame.function == "more"


def test_equal_bytes_in_more_blocks_grew():
    assert statuses(profile(point(10, "a")), profile(point(10, "a", blocks=5))) == {("a", 1): "grew"}


def test_lines_that_moved_are_matched_in_their_order():
    before = profile(point(10, frame("f", 10)), point(20, frame("f", 12)))
    after = profile(point(10, frame("f", 12)), point(20, frame("f", 14)))
    assert statuses(before, after) == {("f", 12): "unchanged", ("f", 14): "unchanged"}


def test_a_line_that_came_in_between_appeared():
    before = profile(point(10, frame("f", 10)), point(20, frame("f", 12)))
    after = profile(point(10, frame("f", 10)), point(5, frame("f", 11)), point(20, frame("f", 12)))
    assert statuses(before, after) == {("f", 10): "unchanged", ("f", 11): "appeared", ("f", 12): "unchanged"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.integers(1, 99)), max_size=8), st.data())
def test_nothing_is_lost(entries, data):
    """The differences of all sites sum to the difference of the totals."""
    cut = data.draw(st.integers(0, len(entries)))
    before, after = (
        profile(*(point(size, frame(name, line), str(i)) for i, (name, line, size) in enumerate(part)))
        for part in (entries[:cut], entries[cut:])
    )
    changes = diff.compare(before, after)
    for metric in ("total_bytes", "total_blocks"):
        assert sum(change.delta(metric) for change in changes) == after.total(metric) - before.total(metric)


def test_the_text():
    before = profile(point(10_000, "a", blocks=3), point(5, "b"))
    after = profile(point(2_000, "a"), point(5, "b"), point(1_500, "c"))
    text = list(diff.lines(before, after, most=1))
    assert text[0].split() == ["Total:", "10.0", "kB", "->", "3.50", "kB", "4", "->", "3", "blocks"]
    assert text[3] == "3 sites: 1 appeared, 1 shrank, 1 unchanged"
    assert text[5].split() == ["shrank", "-8.00", "kB", "-2", "blocks", "a", "(a.py:1)"]
    assert text[6] == "... and 1 more"
