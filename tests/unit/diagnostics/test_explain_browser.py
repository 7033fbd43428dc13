"""The page of an explanation in a real browser: no complaints, no overflow, nothing fetched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softplex.diagnostics import Explanation, explain

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
LONG = "<script>attacked = 1</script>" + "x" * 200


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


def many() -> Explanation:
    scores = np.random.default_rng(0).normal(size=1000)
    return explain(scores=np.append(scores, -np.inf), target=3)


def hostile() -> Explanation:
    return explain(scores=[1e300, -1e300], target=LONG + "0", classes=[LONG + "0", LONG + "1"])


@pytest.mark.parametrize("make", [many, hostile])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_and_asks_for_nothing(
    browser: Any, tmp_path: Path, make: Any, width: int
) -> None:
    file = tmp_path / "row.html"
    file.write_text(make().to_html(), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("typeof attacked") == "undefined"
    assert complaints == []
    assert {url for url in requests if not url.startswith("data:")} == {page.url}
    context.close()
