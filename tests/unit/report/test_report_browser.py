"""The report in a real browser: no errors, no overflow, sorting, and scripts that stay inert."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softplex.report import ReportContent, render_report

pytestmark = pytest.mark.browser

MakeContent = Callable[..., ReportContent]


@pytest.fixture
def visit(open_file: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    def open_page(content: ReportContent, width: int = 1280, **options: Any) -> Any:
        file = tmp_path / "report.html"
        file.write_text(render_report(content), encoding="utf-8")
        return open_file(file, width, **options)

    return open_page


def many_classes(make_content: MakeContent) -> ReportContent:
    classes = tuple(f"class number {index} with a long name" for index in range(150))
    return make_content(n=3000, classes=classes, n_bootstrap=0)


CONTENTS: dict[str, Callable[[MakeContent], ReportContent]] = {
    "three classes": lambda make: make(),
    "two classes": lambda make: make(classes=(False, True)),
    "twenty long classes": lambda make: make(
        classes=tuple(f"{'long ' * 30}{i}" for i in range(20))
    ),
    "unbroken names": lambda make: make(classes=tuple("x" * 500 + str(i) for i in range(3))),
    "right-to-left names": lambda make: make(classes=("سيارة", "دراجة", "قطار")),
    "many classes": many_classes,
    "bare": lambda make: make(weights=None, data=None, certificate=None, uncalibrated=None),
}


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("name", list(CONTENTS))
def test_a_page_opens_without_a_complaint_and_fits_the_width(
    name: str, make_content: MakeContent, visit: Callable[..., Any]
) -> None:
    with visit(CONTENTS[name](make_content), 1280) as opened:
        assert fits(opened.page)
        opened.page.set_viewport_size({"width": 390, "height": 844})
        opened.page.reload()
        assert fits(opened.page)
        assert opened.complaints == []
        assert {url for url in opened.requests if not url.startswith("data:")} == {opened.page.url}


@pytest.mark.parametrize("bypass_csp", [False, True])
def test_scripts_in_names_and_cells_stay_inert(
    bypass_csp: bool, hostile_content: ReportContent, visit: Callable[..., Any]
) -> None:
    with visit(hostile_content, 390, bypass_csp=bypass_csp) as opened:
        assert opened.page.evaluate("typeof attacked") == "undefined"
        assert opened.page.locator("script").count() == 1
        assert opened.page.locator("img").count() == 0
        assert opened.complaints == []
        assert fits(opened.page)


def test_the_policy_stops_a_script_that_was_planted(
    make_content: MakeContent, visit: Callable[..., Any]
) -> None:
    with visit(make_content()) as opened:
        opened.page.evaluate(
            "const planted = document.createElement('script');"
            "planted.textContent = 'window.attacked = 1';"
            "document.body.append(planted)"
        )
        assert opened.page.evaluate("typeof attacked") == "undefined"


def column(page: Any, index: int) -> list[str]:
    cells = page.locator(f".sortable tbody tr > :nth-child({index + 1})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_the_table_of_classes_sorts(make_content: MakeContent, visit: Callable[..., Any]) -> None:
    content = make_content(n=300, classes=tuple(f"c{index}" for index in range(12)))
    with visit(content) as opened:
        heading = opened.page.locator(".sortable thead th").nth(3)
        original = column(opened.page, 0)
        heading.locator("button").click()
        recalls = [float(text.rstrip("%")) for text in column(opened.page, 3)]
        assert recalls == sorted(recalls, reverse=True)
        assert heading.get_attribute("aria-sort") == "descending"
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        assert [float(text.rstrip("%")) for text in column(opened.page, 3)] == sorted(recalls)
        opened.page.locator(".sortable thead button").first.click()
        assert column(opened.page, 0) == original == [f"c{index}" for index in range(12)]
        assert heading.get_attribute("aria-sort") is None


def test_undefined_scores_sort_last_either_way(
    make_content: MakeContent, visit: Callable[..., Any]
) -> None:
    content = make_content(n=6, classes=tuple(f"c{index}" for index in range(12)))
    with visit(content) as opened:
        button = opened.page.locator(".sortable thead button").nth(3)
        for _ in range(2):
            button.click()
            texts = column(opened.page, 3)
            assert texts.index("\N{EN DASH}") == len(texts) - texts.count("\N{EN DASH}")


def test_the_page_reads_without_script(
    make_content: MakeContent, visit: Callable[..., Any]
) -> None:
    with visit(make_content(), java_script_enabled=False) as opened:
        assert opened.page.locator(".sortable tbody tr").count() == 3
        assert opened.page.locator(".sortable thead button").count() == 0
        assert not opened.page.locator(".needs-script").is_visible()


def test_the_theme_follows_the_reader(make_content: MakeContent, visit: Callable[..., Any]) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with visit(make_content(), color_scheme=scheme) as opened:
            grounds.add(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_it_prints_on_white_with_everything_unfolded(
    make_content: MakeContent, visit: Callable[..., Any]
) -> None:
    with visit(make_content(), color_scheme="dark") as opened:
        opened.page.emulate_media(media="print", color_scheme="dark")
        ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert opened.page.locator("details:not([open])").count() == 0
        opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert opened.page.locator("details:not([open])").count() == 1
