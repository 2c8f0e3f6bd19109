import pytest

from competency.embedding import weights as weights_file
from tests.small_weights import random_weights


@pytest.fixture
def weights_path(tmp_path):
    path = tmp_path / "small.weights"
    weights_file.write(path, random_weights())
    return path
