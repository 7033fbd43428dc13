"""Contents of reports to render, from the ordinary to the hostile, and a browser to open them."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softplex.evaluation import evaluate
from softplex.report import (
    CalibrationSummary,
    CertificateSummary,
    ColumnSummary,
    DataSummary,
    FeatureWeights,
    ReportContent,
)

MakeContent = Callable[..., ReportContent]

HOSTILE = "</title></script><script>attacked = 1</script><img src=x onerror='attacked = 1'>\"'"


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def simulated(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, calibrated probabilities, and true indices drawn from them."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(n, k)) * 2.5
    probabilities = softmax(scores)
    draws = random.random((n, 1))
    true = (probabilities.cumsum(axis=1) < draws).sum(axis=1).clip(max=k - 1)
    return scores, probabilities, true


def full_content(
    n: int = 400,
    classes: tuple[Any, ...] = ("ant", "bee", "cat"),
    features: tuple[str, ...] = ("length", "weight", "constant"),
    n_bootstrap: int = 5,
    **changes: Any,
) -> ReportContent:
    """A content with every part filled; `changes` replace single fields."""
    k = len(classes)
    scores, probabilities, true = simulated(n, k)
    labels = np.array([classes[index] for index in true], dtype=object)
    listed = list(classes)
    random = np.random.default_rng(1)
    coefficients = random.normal(size=(k, len(features)))
    coefficients[:, -1] = 0.0
    made: dict[str, Any] = {
        "title": "animals",
        "evaluation": evaluate(probabilities, labels, classes=listed, n_bootstrap=n_bootstrap),
        "probabilities": probabilities,
        "labels": labels,
        "uncalibrated": evaluate(
            softmax(1.8 * scores), labels, classes=listed, n_bootstrap=n_bootstrap
        ),
        "calibration": CalibrationSummary("One temperature was fitted.", 1.8),
        "weights": FeatureWeights(coefficients, features, "Inputs were standardised."),
        "certificate": CertificateSummary(12.5, 12.4999, 1e-4, 8e-6, "converged"),
        "data": DataSummary(
            "animals.csv",
            "species",
            800,
            n,
            tuple(ColumnSummary(name, "number") for name in features),
            (ColumnSummary("constant", "constant", "one value in every row"),),
            dict.fromkeys(classes, 200),
            ("The rows were split at random.",),
        ),
        "command": "softplex fit animals.csv --target species --out model",
        "model_folder": "model",
        "version": "0.1.0",
        "seed": 0,
    }
    return ReportContent(**{**made, **changes})


@pytest.fixture(scope="session")
def make_content() -> MakeContent:
    return full_content


@pytest.fixture(scope="session")
def hostile_content() -> ReportContent:
    """A script in every text that can come from a table, a file name or a command."""
    classes = tuple(f"{HOSTILE}{index}" for index in range(3))
    content = full_content(classes=classes, features=(HOSTILE, HOSTILE + "2"))
    column = ColumnSummary(HOSTILE, HOSTILE, HOSTILE)
    return dataclasses.replace(
        content,
        title=HOSTILE,
        row_ids=tuple(f"{HOSTILE}{index}" for index in range(400)),
        row_cells={index: {HOSTILE: HOSTILE} for index in range(400)},
        calibration=CalibrationSummary(HOSTILE),
        weights=dataclasses.replace(content.weights, note=HOSTILE),
        certificate=CertificateSummary(1.0, 0.5, 0.5, 0.5, HOSTILE),
        data=DataSummary(
            HOSTILE, HOSTILE, 1, 2, (column,), (column,), dict.fromkeys(classes, 3), (HOSTILE,)
        ),
        command=HOSTILE,
        model_folder=HOSTILE,
        version=HOSTILE,
    )


NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = (shutil.which(name) for name in NAMES)
    path = os.environ.get("SOFTPLEX_CHROMIUM") or next(filter(None, found), None)
    if path is None:
        pytest.skip(f"no browser: set SOFTPLEX_CHROMIUM or install one of {', '.join(NAMES)}")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@dataclass
class Visit:
    """An open page and everything that it complained about or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def open_file(browser: Any) -> Callable[..., Any]:
    @contextmanager
    def open_page(file: Path, width: int = 1280, **options: Any) -> Iterator[Visit]:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        visit = Visit(context.new_page())
        complaints = visit.complaints
        visit.page.on("console", lambda message: complaints.append(message.text))
        visit.page.on("pageerror", lambda error: complaints.append(str(error)))
        visit.page.on("requestfailed", lambda request: complaints.append(request.url))
        visit.page.on("dialog", lambda dialog: complaints.append(dialog.message))
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.goto(file.as_uri())
        yield visit
        context.close()

    return open_page
