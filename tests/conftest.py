"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real data sets, named by SOFTPLEX_DATA or beside the checkout."""
    folder = Path(os.environ.get("SOFTPLEX_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data sets are not here: set SOFTPLEX_DATA (looked at {folder})")
    return folder
