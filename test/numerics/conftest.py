"""The ways in which every numeric test compiles its cases."""

import pytest

import harness


@pytest.fixture(params=harness.MODES)
def mode(request) -> str:
    """static and dynamic: as users compile, with known extents or with none; reference: the slow lowering of every op."""
    return request.param
