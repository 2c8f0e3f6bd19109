import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency import strict_json
from competency.errors import InputError


@given(st.lists(st.sampled_from("abcdefgh")))
def test_the_first_key_that_stands_twice_is_named(keys):
    text = "{" + ", ".join(f"{json.dumps(key)}: {place}" for place, key in enumerate(keys)) + "}"
    repeated = [key for key in keys if keys.count(key) > 1]
    if not repeated:
        assert strict_json.loads(text.encode()) == {key: place for place, key in enumerate(keys)}
        return
    with pytest.raises(InputError, match=f"^key '{repeated[0]}' stands twice in one object: expected it once$"):
        strict_json.loads(text.encode())


def test_of_very_many_keys_the_last_one_stands_twice():
    keys = [*range(300_000), 299_999]
    text = "{" + ", ".join(f'"{key}": 0' for key in keys) + "}"
    with pytest.raises(InputError, match=r"^key .299999. stands twice"):
        strict_json.loads(text.encode())
