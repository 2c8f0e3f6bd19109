"""The families: what the file must hold, what must not contradict, what the functions answer, what is refused."""

import copy
import pickle
import re
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency
from competency import ConfigError, SkillDomain, SkillError, families
from competency.families import Knowledge, parse
from competency.names import normalise

# read by other means than the library's, so that its checks are checked, too
TABLES = tomllib.loads((Path(competency.__file__).parent / "data" / "families.toml").read_text("utf-8"))
FAMILIES, FIELDS = TABLES["family"], TABLES["field"]
MEMBERS = {normalise(member): member for family in FAMILIES for member in family["members"]}
STANDS_FOR: dict[str, set[str]] = {}
for owner, others in [
    *(pair for family in FAMILIES for pair in family.get("spellings", {}).items()),
    *((field["name"], field.get("spellings", [])) for field in FIELDS),
    *TABLES.get("spellings", {}).items(),
]:
    for other in others:
        STANDS_FOR.setdefault(normalise(other), set()).add(owner)


def bare(name):
    """Letters, digits, "+" and "#" of a name, in lower case."""
    return re.sub(r"[^\w+#]|_", "", normalise(name))


def twice(names):
    return [name for name, count in Counter(map(normalise, names)).items() if count > 1]


def test_there_is_enough_of_all():
    assert len(FAMILIES) >= 300
    assert len(MEMBERS) >= 3000
    assert len(FIELDS) >= 150
    assert sum(len(others) for others in STANDS_FOR.values()) >= 1000


def test_every_domain_has_families():
    counts = Counter(family["domain"] for family in FAMILIES)
    assert set(counts) == set(SkillDomain)
    assert min(counts.values()) >= 15


def test_families_and_fields_have_names_of_their_own():
    assert twice(family["name"] for family in FAMILIES) == []
    assert twice(field["name"] for field in FIELDS) == []
    assert all(re.fullmatch(r"[A-Z].{5,}\.", family["does"]) for family in FAMILIES)


@pytest.mark.parametrize("owners", [FAMILIES, FIELDS], ids=["families", "fields"])
def test_three_members_or_more_and_none_twice(owners):
    assert [owner["name"] for owner in owners if len(owner["members"]) < 3] == []
    assert [(owner["name"], found) for owner in owners if (found := twice(owner["members"]))] == []


def test_a_member_has_one_capitalisation_and_at_most_three_families():
    owners = [member for family in FAMILIES for member in family["members"]]
    assert len(set(owners)) == len(MEMBERS)
    assert [member for member, count in Counter(owners).items() if count > 3] == []


def test_a_spelling_is_no_member_and_of_a_member():
    assert [spelling for spelling in STANDS_FOR if spelling in MEMBERS] == []
    assert [spelling for spelling in STANDS_FOR if spelling in {normalise(field["name"]) for field in FIELDS}] == []
    for family in FAMILIES:
        assert set(family.get("spellings", {})) <= set(family["members"])
    assert [name for name in TABLES.get("spellings", {}) if normalise(name) in STANDS_FOR] == []


def test_a_spelling_stands_for_one_name_unless_it_is_listed_as_ambiguous():
    several = {spelling for spelling, names in STANDS_FOR.items() if len(names) > 1}
    assert several == set(map(normalise, TABLES["ambiguous"]))


def test_members_that_differ_in_punctuation_only_are_one_member():
    alike: dict[str, set[str]] = {}
    for member in MEMBERS.values():
        alike.setdefault(bare(member), set()).add(member)
    assert [names for names in alike.values() if len(names) > 1] == []


def test_members_of_fields_stand_under_their_preferred_names():
    wrong = [
        (field["name"], member) for field in FIELDS for member in field["members"] if normalise(member) in STANDS_FOR
    ]
    assert wrong == []
    assert [field["name"] for field in FIELDS if field["name"] in field["members"]] == []


def test_names_are_trimmed():
    texts = [*MEMBERS.values(), *(text for field in FIELDS for text in field["members"]), *STANDS_FOR]
    assert [text for text in texts if text != " ".join(text.split())] == []


@pytest.mark.parametrize(
    ("a", "b", "family"),
    [
        ("Jenkins", "GitLab CI", "CI/CD servers"),
        ("Postgres", "MySQL", "Relational databases"),
        ("k8s", "Docker Swarm", "Container orchestrators"),
        ("Workday", "SuccessFactors", "Human-resources information systems"),
        ("greenhouse", "Lever", "Applicant-tracking systems"),
        ("SFDC", "HubSpot CRM", "Customer-relationship-management systems"),
        ("PBI", "Tableau", "Business-intelligence tools"),
        ("GA4", "Adobe Analytics", "Web-analytics tools"),
        ("SPSS", "Stata", "Statistics packages"),
        ("US GAAP", "IFRS", "Financial-reporting standards"),
        ("Storyline", "Adobe Captivate", "E-learning authoring tools"),
        ("SonarQube", "Checkmarx", "Static application-security scanners"),
        ("ADP Payroll", "Paychex", "Payroll systems"),
        ("Figma", "Sketch", "Interface-design and prototyping tools"),
        ("Zendesk", "Freshdesk", "Help-desk software for customers"),
        ("SCRUM", "kanban", "Agile frameworks for teams"),
        ("SPIN Selling", "Challenger Sale", "Sales methodologies"),
        ("Epic", "Cerner", "Electronic health records"),
    ],
)
def test_shared(a, b, family):
    assert families.shared(a, b).name == families.shared(b, a).name == family
    assert families.shared(a, b) in families.of(a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Docker", "Kubernetes"),
        ("Jenkins", "Jira"),
        ("Python", "pandas"),
        ("Payroll", "Kubernetes"),
        ("Figma", "Adobe Photoshop"),
        ("Welding", "Sales"),
        ("Kubernetes", " KUBERNETES "),
    ],
)
def test_nothing_shared(a, b):
    assert families.shared(a, b) is None


@pytest.mark.parametrize(
    ("spelling", "names"),
    [
        ("k8s", ("Kubernetes",)),
        ("JS", ("JavaScript",)),
        ("TF", ("TensorFlow", "Terraform")),
        ("GCP", ("Google Cloud Platform", "Good Clinical Practice")),
        ("GA4", ("Google Analytics 4",)),
        ("PBI", ("Microsoft Power BI",)),
        ("PowerBI", ("Microsoft Power BI",)),
        ("sfdc", ("Salesforce Sales Cloud",)),
        ("M&A", ("Mergers and acquisitions",)),
        ("ML", ("Machine Learning",)),
        ("R&D", ("Research and Development",)),
        ("P&L", ("Profit and Loss",)),
        ("ROI", ("Return on Investment",)),
        ("EDI", ("Diversity and inclusion", "Electronic Data Interchange")),
        ("Kubernetes", ("Kubernetes",)),
        ("Juggling", ()),
    ],
)
def test_preferred(spelling, names):
    assert families.preferred(spelling) == names


def test_an_ambiguous_spelling_has_the_families_of_all_its_names():
    names = {family.name for family in families.of("tf")}
    assert {"Deep-learning frameworks", "Infrastructure-as-code tools"} <= names


@pytest.mark.parametrize(
    ("field", "members"),
    [
        ("Programming", ["Python", "Java"]),
        ("Data Science", ["Machine Learning", "Statistics", "Data Mining"]),
        ("Agile", ["Scrum", "Kanban"]),
        ("SQL", ["PostgreSQL", "MySQL"]),
        ("Web Development", ["HTML", "CSS", "React"]),
    ],
)
def test_fields(field, members):
    for member in members:
        assert field in [found.name for found in families.fields_of(member)]


@given(st.sampled_from(FAMILIES), st.data())
def test_every_spelling_leads_to_its_family(family, data):
    member = data.draw(st.sampled_from(family["members"]))
    spelling = data.draw(st.sampled_from([member, *family.get("spellings", {}).get(member, [])]))
    (found,) = [found for found in families.of(f"  {spelling.upper()}\t") if found.name == family["name"]]
    assert found.members == tuple(family["members"])
    assert (found.does, found.domain) == (family["does"], family["domain"])
    assert {member: list(others) for member, others in found.spellings} == family.get("spellings", {})
    others = families.synonyms(spelling)
    assert normalise(spelling) not in map(normalise, others)
    assert spelling == member or member in others


@given(st.text())
def test_any_text_has_an_answer(text):
    assert isinstance(families.of(text), tuple)
    assert families.shared(text, text) is None
    if not families.preferred(text):
        assert families.of(text) == families.fields_of(text) == families.synonyms(text) == ()


@pytest.mark.parametrize("call", [families.of, families.fields_of, families.preferred, families.synonyms])
@pytest.mark.parametrize("name", [None, 7, b"Jenkins", ["Jenkins"]])
def test_a_name_is_text(call, name):
    with pytest.raises(SkillError, match=re.escape(f"skill name {name!r}: expected text")):
        call(name)


def test_shared_wants_text():
    with pytest.raises(SkillError, match=r"^skill name 7: "):
        families.shared("Jenkins", 7)


def test_records_do_not_change():
    family = families.of("Jenkins")[0]
    with pytest.raises(FrozenInstanceError):
        family.name = "other"
    assert hash(family) == hash(copy.deepcopy(family))
    assert pickle.loads(pickle.dumps(family)) == family
    assert len(families.all_families()) == len(FAMILIES)
    assert [field.name for field in families.all_fields()] == [field["name"] for field in FIELDS]


def test_the_file_is_read_at_first_use_and_not_for_a_match(tmp_path):
    (tmp_path / "a.json").write_text('[{"name": "Jenkins", "level": {"value": 3, "max": 5}}]', "utf-8")
    code = (
        "import sys, competency.cli\n"
        "read = competency.families._knowledge.cache_info\n"
        "assert competency.cli.main(['match', '--required', sys.argv[1], '--candidate', sys.argv[1]]) == 0\n"
        "assert read().currsize == 0\n"
        "competency.families.of('Jenkins')\n"
        "assert read().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.json")], check=True)


FAMILY = """
[[family]]
name = "Pens"
does = "Write."
domain = "general"
members = ["Biro", "Quill", "Fountain pen"]
"""
FIELD = """
[[field]]
name = "Writing"
members = ["Biro", "Letters", "Novels"]
"""
OTHER = FAMILY.replace("Pens", "Tubes").replace("Quill", "Straw").replace("Fountain pen", "Hose")


def test_a_small_file_isparse():
    known = parse(FAMILY + '[family.spellings]\n"Biro" = ["Ballpoint"]\n' + OTHER + FIELD)
    assert [family.name for family in known.of("ballpoint")] == ["Pens", "Tubes"]
    assert [field.name for field in known.fields_of("Biro")] == ["Writing"]
    assert known.preferred("ballpoint") == ("Biro",)
    assert known.holds("quill", "BALLPOINT")
    assert known.holds("ballpoint", "biro")
    assert not known.holds("quill", "straw")
    assert not known.holds("x", "x")


def test_any_part_may_be_missing():
    assert parse("") == Knowledge()
    assert [family.name for family in parse(FAMILY).of("Quill")] == ["Pens"]
    assert [field.name for field in parse(FIELD).fields_of("Novels")] == ["Writing"]
    known = parse('[spellings]\n"Return on Investment" = ["ROI"]\n')
    assert known.preferred("roi") == ("Return on Investment",)
    assert known.holds("ROI", "return on investment")
    assert known.of("ROI") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FAMILY + FIELD + "[[", "; expected TOML"),
        ("families = []\n" + FAMILY, "families '' with keys ['families', 'family']: expected [], and perhaps"),
        (FAMILY.replace("[[family]]", "[family]") + FIELD, "expected tables, each behind [[family]]"),
        ("field = 3\n" + FAMILY, "field 3: expected tables, each behind [[field]]"),
        (
            FAMILY + 'spellings = ["Ballpoint"]\n' + FIELD,
            "spellings ['Ballpoint'] of 'Pens': expected a table of names",
        ),
        (FAMILY + "colour = 1\n" + FIELD, "'Pens' with keys ['colour', "),
        (FAMILY.replace("does", "did") + FIELD, "'did'"),
        (FAMILY.replace('"Pens"', "7") + FIELD, "name 7 of a family: expected text"),
        (FAMILY.replace('"general"', '"cooking"') + FIELD, "family 'Pens': unknown domain 'cooking'"),
        (FAMILY.replace(', "Fountain pen"', "") + FIELD, "['Biro', 'Quill']: expected 3 or more"),
        (
            FAMILY.replace('"Quill"', "7") + FIELD,
            "members of 'Pens' ['Biro', 7, 'Fountain pen']: expected a list of names",
        ),
        (FAMILY.replace('"Quill"', '" "') + FIELD, "expected a list of names"),
        (FAMILY.replace('"Quill"', '" biro"') + FIELD, "members of 'Pens': 'Biro' stands there twice"),
        (FAMILY + '[family.spellings]\n"Straw" = ["s"]\n' + FIELD, "spellings of 'Straw' in 'Pens'"),
        (FAMILY + '[family.spellings]\n"Biro" = []\n' + FIELD, "expected 1 or more"),
        (
            FAMILY + '[family.spellings]\n"Biro" = ["quill"]\n' + FIELD,
            "spelling 'quill' of 'Biro' is a name of its own",
        ),
        (FAMILY + '[family.spellings]\n"Biro" = ["s"]\n"Quill" = ["S"]\n' + FIELD, "differ: {'s'}"),
        ('ambiguous = ["s"]\n' + FAMILY + FIELD, "differ: {'s'}"),
        (FAMILY + OTHER.replace("Biro", "BIRO") + FIELD, "member 'BIRO' of 'Tubes' is 'Biro' elsewhere"),
        (FAMILY + FIELD.replace("Writing", "quill"), "field 'quill' is 'Quill' elsewhere"),
        ('[spellings]\nquill = ["s"]\n' + FAMILY, "name with spellings 'quill' is 'Quill' elsewhere"),
        ('[spellings]\nKite = ["quill"]\n' + FAMILY, "spelling 'quill' of 'Kite' is a name of its own"),
        ("[spellings]\nKite = []\n", "spellings of 'Kite' []: expected 1 or more"),
        ('spellings = ["s"]\n', "spellings ['s'] of names: expected a table of names"),
        (FAMILY * 4 + FIELD, "'Biro' is in 4 families: expected at most 3"),
    ],
)
def test_a_broken_file_is_refused(text, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse(text)
