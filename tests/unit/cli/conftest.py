"""A runner, tables to fit, and one fitted folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner, Result

from softplex.cli import app

Run = Callable[..., Result]


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Small fits gain nothing from threads, and threads that wait for a busy core cost minutes."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)


def run_command(*arguments: object) -> Result:
    """Run the program in this process; a traceback is a failure of the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="session")
def run() -> Run:
    return run_command


def make_table(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """Rows with every kind of column, holes, an id and a label that the columns tell."""
    rng = np.random.default_rng(seed)
    species = rng.choice(["adelie", "chinstrap", "gentoo"], n, p=[0.4, 0.2, 0.4])
    size = np.select([species == "adelie", species == "gentoo"], [38.0, 47.0], 42.0)
    word = np.select([species == "adelie", species == "gentoo"], ["small", "large"], "middling")
    frame = pd.DataFrame(
        {
            "tag": [f"N{index:04d}" for index in range(n)],
            "length": np.round(size + rng.normal(0, 2, n), 1),
            "depth": np.round(rng.normal(17, 2, n), 1),
            "island": rng.choice(["Biscoe", "Dream", "Torgersen"], n),
            "is_adult": rng.choice(["yes", "no"], n),
            "seen": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "remark": [f"a rather {kind} bird number {i} was seen" for i, kind in enumerate(word)],
            "species": species,
        }
    )
    frame.loc[rng.random(n) < 0.05, "depth"] = np.nan
    frame.loc[rng.random(n) < 0.05, "island"] = np.nan
    return frame


@pytest.fixture(scope="session")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "birds.csv"
    make_table().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def fitted(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "birds"
    result = run_command("fit", birds, "--target", "species", "--out", folder, "--C", "1")
    assert result.exit_code == 0, result.output
    return folder
