import pytest

from shared.artifacts import Registry
from tests.conftest import SIGNING_KEY


@pytest.fixture
def registry(store):
    return Registry(store.analytics, [SIGNING_KEY.encode()])
