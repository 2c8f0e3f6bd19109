import re
import sys

import pytest

from competency.cli import main

ROWS = [
    f"{verb} {thing},{other} {thing} | {verb} the {thing}"
    for verb, other in [("manage", "lead"), ("build", "construct"), ("clean", "wash"), ("paint", "colour")]
    for thing in ["house", "car", "sea", "child", "street", "door", "window", "roof", "wall", "floor"]
]
PAIRS = "label\ta\tb\nequal\tmanage house\tlead house\nunrelated\tmanage house\tpaint sea\n"


@pytest.fixture
def taxonomy(tmp_path):
    path = tmp_path / "skills.csv"
    path.write_text("\n".join(["preferred_label,alt_labels", *ROWS]), "utf-8")
    return path


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS, "utf-8")
    return path


def test_train_then_use(taxonomy, pairs, tmp_path, capsys):
    pytest.importorskip("torch", reason="training needs torch")
    (tmp_path / "relations.csv").write_text("skill,relation,other\nbuild house,related,paint house\n", "utf-8")
    (tmp_path / "needs.csv").write_text("occupation,skill\nbuilder,build house\n", "utf-8")
    (tmp_path / "tools.csv").write_text("technology,category\nExcel,sheets\nCalc,sheets\n", "utf-8")
    (tmp_path / "families.toml").write_text(
        '[[family]]\nname="sheets"\ndoes="Sums."\ndomain="finance"\nmembers=["Excel","Calc","Gnumeric"]\n'
        '[[field]]\nname="Office"\nmembers=["Excel","Word","Access"]\n',
        "utf-8",
    )
    (tmp_path / "words").write_text("the\nof\n", "utf-8")
    options = [
        "--relations", tmp_path / "relations.csv", "--needs", tmp_path / "needs.csv", "--occupations", taxonomy,
        "--technologies", tmp_path / "tools.csv", "--families", tmp_path / "families.toml",
        "--names", tmp_path / "needs.csv", "--names", tmp_path / "tools.csv", "--words", tmp_path / "words",
        "--teacher", "hashing:32", "--steps", "8", "--seed", "1",
    ]  # fmt: skip
    output = tmp_path / "my.weights"
    command = ["embedder", "train", "--taxonomy", str(taxonomy), "-o", str(output), *map(str, options)]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert re.match(r".*my\.weights: [\d,]+ bytes, SHA-256 [0-9a-f]{64}\nalternative label to label   R@1 ", out)
    assert "8 of 8" in err
    first = output.read_bytes()
    assert main(command) == 0
    assert output.read_bytes() == first
    assert main(["embedder", "evaluate", "--embedder", f"static:{output}", "--taxonomy", str(taxonomy)]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == out.splitlines()[1:3]
    assert main([*command, "--all"]) == 0
    assert output.read_bytes() != first


def test_evaluate(taxonomy, pairs, capsys):
    assert (
        main(["embedder", "evaluate", "--embedder", "hashing", "--taxonomy", str(taxonomy), "--pairs", str(pairs)]) == 0
    )
    every, hard, equal, unrelated = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"alternative label to label   R@1 [\d.]+  R@10 [\d.]+  MRR [\d.]+  \(\d+ queries\)", every)
    assert hard.startswith("those that look unlike")
    assert re.fullmatch(r"equal +mean cosine [\d.]+  AUC 1.000  \(1 pairs\)", equal)
    assert re.fullmatch(r"unrelated +mean cosine -?[\d.]+  \(1 pairs\)", unrelated)


def test_pairs_that_no_family_holds_are_shown_apart(pairs, tmp_path, capsys):
    (tmp_path / "families.toml").write_text(
        '[[family]]\nname="houses"\ndoes="a"\ndomain="operations"\nmembers=["manage house","lead house","run house"]\n',
        "utf-8",
    )
    command = ["embedder", "evaluate", "--embedder", "hashing", "--pairs", str(pairs)]
    command += ["--families", str(tmp_path / "families.toml")]
    assert main(command) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    pairs.write_text(PAIRS + "equal\tbuild car\tconstruct car\n", "utf-8")
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["equal", "unrelated", "equal, in no family"]
    assert lines[0].endswith("(2 pairs)")
    assert lines[2].endswith("(1 pairs)")


def test_bad_input(taxonomy, pairs, tmp_path, capsys):
    def fails(*command):
        assert main(["embedder", *map(str, command)]) == 1
        return capsys.readouterr().err

    assert "expected --taxonomy or --pairs" in fails("evaluate")
    assert "expected static, " in fails("evaluate", "--pairs", pairs, "--embedder", "none")
    assert "expected a column preferred_label" in fails("evaluate", "--embedder", "hashing", "--taxonomy", pairs)
    pairs.write_text("label\ta\tb\nequal\ta\tb\n", "utf-8")
    assert "expected 'unrelated' and another one" in fails("evaluate", "--embedder", "hashing", "--pairs", pairs)
    assert "there is no folder" in fails("train", "--taxonomy", taxonomy, "-o", tmp_path / "none" / "a")


def test_training_without_torch(taxonomy, tmp_path, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("competency.embedding.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["embedder", "train", "--taxonomy", str(taxonomy), "-o", str(tmp_path / "a")]) == 1
    assert "training needs torch: expected it installed, as by" in capsys.readouterr().err
