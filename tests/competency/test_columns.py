import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from competency.columns import domain_groups
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
