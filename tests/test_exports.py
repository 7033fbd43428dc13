"""What each package exports, and what importing the front door costs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import softplex

HEAVY = ("torch", "sklearn", "pandas", "scipy", "matplotlib", "pyarrow", "numpy")
PACKAGES = sorted(info.name for info in pkgutil.iter_modules(softplex.__path__) if info.ispkg)


def run(code: str) -> str:
    """Give what a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def public_names(module: ModuleType) -> set[str]:
    """Names that a package binds for its users, its submodules apart."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "softplex") != "__future__"
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_exactly_what_a_package_exports(package: str) -> None:
    module = importlib.import_module(f"softplex.{package}")
    assert sorted(module.__all__) == sorted(public_names(module))
    assert len(set(module.__all__)) == len(module.__all__)
    assert module.__doc__


@pytest.mark.parametrize("name", sorted(softplex.__all__))
def test_top_level_names_resolve(name: str) -> None:
    value = getattr(softplex, name)
    home = "softplex" if name == "__version__" else softplex._HOMES[name]
    assert value is getattr(importlib.import_module(home), name)
    assert name in dir(softplex)
    assert not inspect.ismodule(value)


def test_promised_names_are_there() -> None:
    promised = {
        "SoftmaxClassifier",
        "SoftmaxClassifierCV",
        "CalibratedClassifier",
        "softmax",
        "log_softmax",
        "logsumexp",
        "evaluate",
        "load",
        "save",
    }
    assert promised <= set(softplex.__all__)


def test_top_level_names_resolve_in_a_fresh_interpreter() -> None:
    names = [name for name in softplex.__all__ if not name.startswith("_")]
    code = f"import softplex; print(*(callable(getattr(softplex, n)) for n in {names!r}))"
    assert set(run(code).split()) == {"True"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'softmaxx'"):
        softplex.softmaxx  # noqa: B018 - the access is the test


@pytest.mark.parametrize("module", ["softplex", "softplex.exceptions", "softplex.cli"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    assert run(code) == ""


def test_package_is_typed() -> None:
    assert any(path.name == "py.typed" for path in importlib.resources.files("softplex").iterdir())
