"""``competency embedder``: train an embedder, and say how good one is."""

import argparse
import dataclasses
import hashlib
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from competency.embedding.base import Embedder
from competency.embedding.choose import CHOICES, add_choice, choose
from competency.embedding.corpus import (
    Entry,
    read_entries,
    read_knowledge,
    read_lines,
    read_names,
    read_pairs,
)
from competency.embedding.static import StaticEmbedder
from competency.errors import EmbedderError, InputError, shown
from competency.families import Knowledge
from competency.files import check_target

__all__ = ["add_embedder"]

_UNRELATED = "unrelated"  # the label that the others are told apart from


def add_embedder(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the command line."""
    embedder = commands.add_parser(
        "embedder", help="train and evaluate embedders", description="Train an embedder of one's own, or evaluate one."
    )
    actions = embedder.add_subparsers(dest="action", required=True, metavar="ACTION")
    train = actions.add_parser(
        "train",
        help="train a static embedder from a taxonomy",
        description="Train a static embedder from a taxonomy of skills; needs the extra 'train'.",
        epilog="Tables are CSV in UTF-8 with a header, gzipped or not. Rows of the taxonomy whose column split says "
        "test, or every tenth where it has no such column, are held out, and the embedder is evaluated on them at the "
        "end. The same inputs and seed give the same weights on the same machine.",
    )
    train.add_argument(
        "--taxonomy",
        required=True,
        metavar="FILE",
        help='skills: preferred_label, alt_labels (" | " between), and description and split where it has them',
    )
    train.add_argument("-o", "--output", required=True, metavar="FILE", help="the weights to write")
    train.add_argument("--relations", metavar="FILE", help="related skills: columns skill, other")
    train.add_argument("--families", metavar="FILE", help="families of tools, fields, spellings: TOML")
    train.add_argument("--occupations", metavar="FILE", help="further synonyms: columns as of the taxonomy")
    train.add_argument("--needs", metavar="FILE", help="what an occupation needs: columns occupation, skill")
    train.add_argument("--technologies", metavar="FILE", help="kinds of tools: columns technology, category")
    train.add_argument(
        "--names", metavar="FILE", action="append", default=[], help="tables of further names; may be repeated"
    )
    train.add_argument("--words", metavar="FILE", help="general words worth knowing, one a line, common ones first")
    train.add_argument("--teacher", metavar="EMBEDDER", help=f"an embedder to learn from: {CHOICES}")
    train.add_argument("--all", action="store_true", help="hold nothing out: figures at the end are of seen names")
    train.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    train.add_argument("--steps", type=int, help="steps of training (default: those of the shipped weights)")
    train.set_defaults(run=_train)
    evaluate = actions.add_parser(
        "evaluate",
        help="say how good an embedder is",
        description="Say how well an embedder finds the held-out skills of a taxonomy by their alternative labels, and "
        "how well it tells pairs of names apart.",
    )
    add_choice(evaluate)
    evaluate.add_argument("--taxonomy", metavar="FILE", help="skills, as for train")
    evaluate.add_argument(
        "--pairs",
        metavar="FILE",
        action="append",
        default=[],
        help='columns label, a, b, with tabs between; each label is told apart from "unrelated"; may be repeated',
    )
    evaluate.add_argument(
        "--families",
        metavar="FILE",
        help="families as for train: pairs that no family holds are shown once more, apart",
    )
    evaluate.set_defaults(run=_evaluate)


def _train(arguments: argparse.Namespace) -> str:
    check_target(arguments.output, EmbedderError)  # before the work, not after it
    try:
        training = importlib.import_module("competency.embedding.training")
    except ModuleNotFoundError as error:
        raise EmbedderError(
            f"training needs {error.name}: expected it installed, as by python -m pip install 'competency[train]'"
        ) from None
    from competency.embedding import weights

    entries = read_entries(arguments.taxonomy)
    corpus = training.Corpus(
        entries=[dataclasses.replace(entry, held_out=False) for entry in entries] if arguments.all else entries,
        others=read_entries(arguments.occupations) if arguments.occupations else (),
        related=read_pairs(arguments.relations, "skill", "other") if arguments.relations else (),
        needs=read_pairs(arguments.needs, "occupation", "skill") if arguments.needs else (),
        groups=read_pairs(arguments.technologies, "technology", "category") if arguments.technologies else (),
        names=[name for path in arguments.names for name in read_names(path)],
        words=read_lines(arguments.words) if arguments.words else (),
        knowledge=read_knowledge(arguments.families) if arguments.families else Knowledge(),
    )
    recipe = training.Recipe(seed=arguments.seed)
    if arguments.steps is not None:
        recipe = dataclasses.replace(recipe, steps=arguments.steps)
    teacher = choose(arguments.teacher) if arguments.teacher else None
    weights.write(arguments.output, training.train(corpus, recipe, teacher, _Progress()))
    digest = hashlib.sha256(Path(arguments.output).read_bytes()).hexdigest()
    size = Path(arguments.output).stat().st_size
    return "\n".join(
        [f"{arguments.output}: {size:,} bytes, SHA-256 {digest}", *_synonyms(StaticEmbedder(arguments.output), entries)]
    )


class _Progress:
    """What is being done and how long that will take, on lines of standard error; a new one at most once a second."""

    def __init__(self) -> None:
        self._started = self._last = self._begun = time.monotonic()
        self._done = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done <= self._done:  # another part of the work
            self._begun = self._last
        self._done = done
        if now - self._last >= 1 or done == total:
            self._last = now
            left = (now - self._begun) / done * (total - done)
            print(
                f"{now - self._started:5.0f} s  {what}: {done:,} of {total:,}, about {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )


def _synonyms(embedder: Embedder, entries: Sequence[Entry]) -> list[str]:
    from competency.embedding.evaluate import retrieval, synonym_queries

    queries = synonym_queries(entries)
    if not queries:
        return ["no alternative label is held out: nothing to evaluate"]
    every, hard = retrieval(embedder, queries, [entry.label for entry in entries])
    return [f"alternative label to label   {every}", f"those that look unlike       {hard}"]


def _evaluate(arguments: argparse.Namespace) -> str:
    from competency.embedding.evaluate import auc, cosines, read_labelled_pairs

    if not arguments.taxonomy and not arguments.pairs:
        raise InputError("nothing to evaluate: expected --taxonomy or --pairs")
    embedder = choose(arguments.embedder)
    lines = _synonyms(embedder, read_entries(arguments.taxonomy)) if arguments.taxonomy else []
    knowledge = read_knowledge(arguments.families) if arguments.families else Knowledge()
    for path in arguments.pairs:
        pairs = read_labelled_pairs(path)
        if len(pairs) < 2 or _UNRELATED not in pairs:
            raise InputError(f"{path}: labels {shown(list(pairs))}: expected {_UNRELATED!r} and another one")
        if arguments.families:
            for label in [label for label in pairs if label != _UNRELATED]:
                if apart := [pair for pair in pairs[label] if not knowledge.holds(*pair)]:
                    pairs[f"{label}, in no family"] = apart
        similar = {label: cosines(embedder, own) for label, own in pairs.items()}
        for label, values in similar.items():
            against = "" if label == _UNRELATED else f"  AUC {auc(values, similar[_UNRELATED]):.3f}"
            lines.append(f"{label:<28} mean cosine {values.mean():.3f}{against}  ({len(values):,} pairs)")
    return "\n".join(lines)
