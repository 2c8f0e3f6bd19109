"""What asv finds in benchmarks/, in a process of its own, as asv looks for it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("asv_runner", reason="needs the extra bench")

ROOT = Path(__file__).parents[2]
FACES = ["time_run", "peakmem_run", "peakmem_reference"]
HEAP = ["track_allocations", "track_allocated_bytes", "track_peak_heap"]
LARGE = ["ratio_to_matrix_product", "peak_over_inputs_and_outputs"]
CLASSES = {
    "embed": "Embed",
    "similarity": "Similarity",
    "score": "Score",
    "match": "Match",
    "batch": "Batch",
    "match_many": "MatchMany",
    "rank": "Rank",
    "rank_everyone": "RankEveryone",
    "rank_many": "RankMany",
    "rank_mixed": "RankMixed",
    "pool_build": "PoolBuild",
    "overlap": "Overlap",
    "to_dict": "ToDict",
    "start": "Import",
}
EMBEDDERS = ("Load", "EmbedWarm", "EmbedHashing")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    program = (
        "import json, sys\n"
        "from asv_runner.discovery import disc_benchmarks\n"
        "from asv_runner._aux import update_sys_path\n"
        f"update_sys_path({str(ROOT / 'benchmarks')!r})\n"
        f"found = [vars(benchmark) for benchmark in disc_benchmarks({str(ROOT / 'benchmarks')!r})]\n"
        "keys = 'name', 'setup_cache_key', 'version', 'unit', 'params'\n"
        "print(json.dumps([[benchmark[key] for key in keys] for benchmark in found]))\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path_factory.mktemp("cwd"), capture_output=True, text=True, check=True
    )
    benchmarks, modules = map(json.loads, done.stdout.splitlines())
    return {name: rest for name, *rest in benchmarks}, modules


def test_the_names(found):
    expected = {f"{file}.{name}.{face}" for file, name in CLASSES.items() for face in FACES}
    expected |= {f"{file}.{name}Heap.{series}" for file, name in CLASSES.items() for series in HEAP}
    expected |= {"start.Import.time_process"}
    expected |= {"match.MatchGrowth.track_allocations_exponent", "match.MatchGrowth.track_peak_heap_exponent"}
    expected |= {"match_many.MatchMany.track_ratio_to_loop", "rank_many.RankMany.track_ratio_to_loop"}
    expected |= {"rank.RankGrowth.track_peak_heap_exponent", "rank_everyone.RankEveryone.track_ratio_to_bare_pass"}
    expected |= {f"rank.RankMillion.{face}" for face in FACES} | {f"rank.RankMillionHeap.{series}" for series in HEAP}
    expected |= {f"rank.{name}.track_ratio_to_bare_pass" for name in ("Rank", "RankMillion")}
    expected |= {"pool_build.PoolBuild.track_ratio_to_parsing"}
    expected |= {f"large_match.LargeMatch.track_{what}" for what in LARGE}
    expected |= {"accuracy.Accuracy.track_score_deviation", "accuracy.Accuracy.track_interval_deviation"}
    expected |= {f"embedders.{name}.{face}" for name in EMBEDDERS for face in FACES}
    expected |= {f"embedders.{name}Heap.{series}" for name in EMBEDDERS for series in HEAP}
    expected |= {"embedders.Beside.track_ratio_to_hashing", "embedders.BesideMiniLM.track_ratio_to_minilm"}
    expected |= {f"quality.Quality.track_wrong_{what}" for what in ("tools", "skills", "judgements")}
    assert set(found[0]) == expected


def test_asv_looks_for_regressions_where_less_is_better(found):
    """And not where what is less than rounding would be one: the first version deviates from itself by nothing."""
    pytest.importorskip("asv", reason="needs the extra bench")
    from asv.config import Config

    from benchmarks.site.results import Series

    patterns = Config.load(str(ROOT / "asv.conf.json")).regressions_first_commits
    families = {name: Series(name).family for name in found[0]}
    left_out = {name for name in found[0] if any(re.match(pattern, name) for pattern in patterns)}
    assert left_out == {name for name, one in families.items() if one.better > 0 or one.key == "deviation"}


def test_discovery_imports_neither_the_library_nor_the_instruments(found):
    loaded = set(found[1])
    assert "benchmarks.common" in loaded
    assert not loaded & {"competency", "memray", "asv", "benchmarks.heap.measure", "benchmarks.run.suite"}


def test_each_operation_has_a_setup_cache_of_its_own(found):
    keys = {name.rsplit(".", 1)[0]: key for name, (key, *_) in found[0].items() if "Heap." in name}
    for operation in ("Match", "Rank"):
        growth = {key for name, (key, *_) in found[0].items() if f".{operation}Growth." in name}
        assert growth == {keys[f"{operation.lower()}.{operation}Heap"]}
    assert len(set(keys.values())) == len(keys) == len(CLASSES) + len(EMBEDDERS) + 1  # a million candidates


def test_versions_are_explicit(found):
    """asv's own version is a hash of the source: moving a line would orphan results."""
    assert {version for _, version, _, _ in found[0].values()} == {"1", "2", "3"}


def test_units(found):
    units = {name.rsplit(".", 1)[1]: unit for name, (_, _, unit, _) in found[0].items()}
    assert (units["track_allocations"], units["track_peak_heap"]) == ("allocations", "bytes")
    assert {unit for name, unit in units.items() if "_ratio_" in name or "_over_" in name} == {"times"}
    assert (units["time_run"], units["peakmem_run"]) == ("seconds", "bytes")


def test_parameters_of_rank(found):
    """The same for good, whatever the environment asks for."""
    params = {name: params for name, (_, _, _, params) in found[0].items() if name.startswith("rank.")}
    jobs = ["'fits'", "'nobody fits'"]
    assert (
        params["rank.Rank.time_run"] == params["rank.RankHeap.track_peak_heap"] == [["1000", "10000", "100000"], jobs]
    )
    assert params["rank.RankMillion.time_run"] == params["rank.RankMillionHeap.track_peak_heap"] == [["1000000"], jobs]


@pytest.mark.parametrize("room", ["heap", "run"])
def test_instruments_are_not_entered(room):
    assert not (ROOT / "benchmarks" / room / "__init__.py").exists()
