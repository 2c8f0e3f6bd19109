import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from competency import ProficiencyLevel, Skill
from competency.columns import SkillLists, columns, domain_groups, stacked_columns
from competency.config import BetaPrior
from competency.domains import DOMAINS


@given(arrays(np.intp, array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(0, len(DOMAINS) - 1)))
def test_groups_are_numbered_as_the_domains_appear(domains):
    group, domain_of_group = domain_groups(domains)
    assert domain_of_group.shape == (len(domains), group.max() + 1)
    for row, groups, of_group in zip(domains.tolist(), group.tolist(), domain_of_group.tolist(), strict=True):
        appeared = list(dict.fromkeys(row))
        assert groups == [appeared.index(domain) for domain in row]
        assert of_group[: len(appeared)] == appeared
        assert set(of_group) == set(appeared)


NAMES = ["SQL", "sql ", "Python", "Go", "Statistics"]
LISTS = st.lists(
    st.lists(
        st.builds(
            lambda name, value, domain: Skill(name, ProficiencyLevel(value, 40), domain),
            st.sampled_from(NAMES),
            st.integers(0, 40),
            st.sampled_from([None, "hr", "finance"]),
        ),
        min_size=1,
        max_size=4,
    ),
    min_size=2,
    max_size=30,
)


@given(LISTS)
def test_lists_of_skills_as_codes(lists):
    codes = SkillLists.of(lists)
    skills = [skill for own in lists for skill in own]
    assert codes.names == list(dict.fromkeys(skill.name for skill in skills))
    assert [codes.names[code] for code in codes.name.tolist()] == [skill.name for skill in skills]
    assert [codes.ratios[code] for code in codes.level.tolist()] == [skill.level.ratio for skill in skills]
    assert [DOMAINS[code] for code in codes.domain.tolist()] == [skill.resolved_domain for skill in skills]
    same_key = codes.key[:, None] == codes.key
    np.testing.assert_array_equal(same_key, [[a.key == b.key for b in skills] for a in skills])
    order = np.array([len(lists) - 1, 0])
    assert [skills[place] for place in codes.places(order).tolist()] == [*lists[-1], *lists[0]]


@given(LISTS)
def test_columns_of_pairs_together_are_those_of_each(lists):
    """Levels and domains have other numbers, which stand for the same."""
    prior = BetaPrior()
    candidates = [own[:1] * 3 + own[-1:] for own in lists]
    codes = SkillLists.of([*lists, *candidates])
    pairs = np.arange(len(lists))
    required_places, offered_places = codes.places(pairs), codes.places(pairs + len(lists)).reshape(len(lists), -1)
    n_required = np.array(list(map(len, lists)))
    required, offered = stacked_columns(codes, n_required, required_places, offered_places, prior)
    for pair, (job, candidate) in enumerate(zip(lists, candidates, strict=True)):
        one, other = columns(job, candidate, prior)
        rows = required.pair == pair
        np.testing.assert_array_equal(required.threshold[rows], one.threshold)
        np.testing.assert_array_equal(np.array(required.thresholds)[required.threshold_code[rows]], one.threshold)
        np.testing.assert_array_equal(required.domain[rows], one.domain)
        np.testing.assert_array_equal(required.named[rows], one.named)
        assert required.first[pair] == rows.argmax()
        assert required.n_required[pair] == len(job) == one.n_required
        levels, own = offered.levels.ratio[offered.level[pair]], other.levels.ratio[other.level[0]]
        np.testing.assert_array_equal(levels, own)
        number, of_own = (c.group[place] for c, place in ((offered, pair), (other, 0)))
        np.testing.assert_array_equal(number, of_own)
        np.testing.assert_array_equal(offered.domain_of_group[pair][number], other.domain_of_group[0][of_own])
