"""The weights that come with the package."""

import subprocess
import sys
from pathlib import Path

import pytest

import competency
from competency import Skill, SkillMatcher, StaticEmbedder
from competency.embedding import default_embedder
from competency.embedding.evaluate import cosines

FILE = Path(competency.__file__).parent / "embedding" / "skills.weights"


def test_four_megabytes_at_most():
    assert FILE.stat().st_size <= 4_000_000


def test_the_model_card_names_the_file():
    card = FILE.with_name("MODEL_CARD.md").read_text("utf-8")
    assert default_embedder().fingerprint.removeprefix("static-2 sha256=") in card
    assert f"{FILE.stat().st_size:,} bytes" in card


def test_nobody_opens_it_before_the_first_embedding():
    program = (
        "import sys; sys.addaudithook(lambda event, args: event == 'open' and str(args[0]).endswith('.weights') "
        "and print('opened')); import competency; print('imported'); matcher = competency.SkillMatcher(); "
        "print('made'); matcher.embedder.embed(['Python']); matcher.embedder.embed(['SQL'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["imported", "made", "opened"]


def test_matchers_share_it():
    assert SkillMatcher().embedder is SkillMatcher().embedder is default_embedder()


@pytest.mark.parametrize(
    ("name", "near", "far"),
    [
        ("k8s", "Kubernetes", "Payroll"),
        ("C#", ".NET", "Music theory"),
        ("C++", "C", "Welding"),
        ("R", "Statistics", "Hairdressing"),
        (".NET", "ASP.NET", "Cooking"),
        ("Node.js", "JavaScript", "Bookkeeping"),
        ("NodeJS", "Node.js", "Nursing"),
        ("CI/CD", "Continuous Integration", "Cooking"),
        ("M&A", "Mergers and Acquisitions", "Plumbing"),
        ("P&L", "P&L management", "Java"),
        ("R&D", "Research and Development", "Payroll"),
        ("FMCG", "Fast-Moving Consumer Goods", "Welding"),
        ("SDLC", "Software Development Life Cycle", "Nursing"),
        ("HVAC", "Heating, Ventilation and Air Conditioning", "Copywriting"),
        ("RESTful APIs", "REST API", "Restaurant service"),
        ("Résumé writing", "resume writing", "Python"),
        ("machine learnig", "machine learning", "sewing"),
        ("机器学习", "机器学习算法", "会计"),
        ("машинное обучение", "обучение", "бухгалтерия"),
        ("Python 🐍", "Python", "Zoology"),
        ("Python " * 150, "Python", "Payroll"),
    ],
)
def test_near_and_far(name, near, far):
    same, other = cosines(default_embedder(), [(name, near), (name, far)])
    assert same > other + 0.2
    assert other < 0.35


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("k8s", "Kubernetes"),
        ("AWS", "Amazon Web Services"),
        ("IaC", "Infrastructure as code"),
        ("OOP", "Object-oriented Programming"),
        ("TDD", "Test-driven development"),
        ("NodeJS", "Node.js"),
        ("R&D", "Research and Development"),
    ],
)
def test_a_spelling_is_the_name(spelling, name):
    (same,) = cosines(default_embedder(), [(spelling, name)])
    assert same > SkillMatcher().config.same_skill.above


def test_a_match_without_anything_else():
    level = {"value": 4, "max": 5}
    (job,) = [Skill.from_dict({"name": "Kubernetes", "level": level})]
    near, far = (
        SkillMatcher().match([job], [Skill.from_dict({"name": name, "level": level})]).overall_score
        for name in ("k8s", "Payroll")
    )
    assert near > 0.5
    assert far < 0.2


def test_given_by_name_it_is_the_same():
    assert StaticEmbedder(FILE).fingerprint == default_embedder().fingerprint
