"""The site builds without a warning, names everything public, and needs no network."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import softplex

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = REPOSITORY / "docs"
PACKAGES = [info.name for info in pkgutil.iter_modules(softplex.__path__) if info.ispkg]
MODULES = [
    "softplex",
    "softplex.exceptions",
    *(f"softplex.{name}" for name in sorted(PACKAGES) if name != "cli"),
]
LOADING = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}


class Page(HTMLParser):
    """What one page holds: its anchors, its links, what it loads, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value is not None}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        self.loads += [found[name] for name in LOADING.get(tag, ()) if name in found]


def exported(module: str) -> list[str]:
    value = importlib.import_module(module)
    names = getattr(value, "__all__", [name for name in vars(value) if name[0].isupper()])
    assert names
    return names


def test_every_package_has_a_page() -> None:
    for module in MODULES:
        page = SOURCES / "api" / f"{module.rpartition('.')[2]}.md"
        assert f".. automodule:: {module}\n" in page.read_text("utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("sphinx", "myst_parser", "furo", "sphinx_copybutton"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed (pip install 'softplex[docs]')")
    place = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    command += ["-d", str(place / "doctrees"), str(SOURCES), str(place / "site")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    assert done.returncode == 0
    return place / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


@pytest.mark.slow
def test_every_public_name_has_an_entry(pages: dict[Path, Page], site: Path) -> None:
    for module in MODULES:
        page = pages[site / "api" / f"{module.rpartition('.')[2]}.html"]
        entries = page.anchors
        if module == "softplex":  # a table of links to where each name lives
            entries = {f"softplex.{link.rpartition('.')[2]}" for link in page.links}
            entries |= {"softplex.__version__"} & page.anchors
        assert {f"{module}.{name}" for name in exported(module)} - entries == set()


@pytest.mark.slow
def test_the_pages_load_nothing_from_the_network(pages: dict[Path, Page], site: Path) -> None:
    for page in pages.values():
        for address in page.loads:
            assert urlsplit(address).scheme in {"", "data"}, (page.path, address)
            assert not address.startswith("//"), (page.path, address)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text("utf-8")), (
            sheet
        )


@pytest.mark.slow
def test_internal_links_resolve(pages: dict[Path, Page]) -> None:
    broken = []
    for page in pages.values():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append((page.path.name, link))
    assert broken == []


@pytest.mark.slow
def test_texts_are_read_as_they_are_meant(site: Path) -> None:
    """A line that begins with ``T.`` is no list, and a property's first words are no type."""
    for path in sorted((site / "api").glob("*.html")):
        text = path.read_text("utf-8")
        assert not re.search(r'<ol class="(upper|lower)(alpha|roman)', text), path
        assert '">Type<span class="colon">' not in text, path
        assert "system-message" not in text, path


@pytest.mark.slow
def test_formulas_are_drawn_by_the_browser(site: Path) -> None:
    text = (site / "api" / "maps.html").read_text("utf-8")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in text
    assert r"\sum" not in text


@pytest.mark.slow
def test_every_command_is_described(site: Path) -> None:
    from softplex.cli import app

    text = (site / "api" / "command-line.html").read_text("utf-8")
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f'id="softplex-{name}"' in text
