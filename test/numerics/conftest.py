"""The ways in which every numeric test compiles its cases."""

import pytest

import harness


@pytest.fixture(params=harness.MODES)
def mode(request) -> str:
    """static and dynamic: as users compile, with known extents or with none; reference: the slow lowering of every op."""
    return request.param


@pytest.fixture(params=[False, True], ids=["first", "last"])
def channels_last(request) -> bool:
    """For ops whose schedules depend on where the channels are."""
    return request.param
