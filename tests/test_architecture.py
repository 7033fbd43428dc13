"""The arrows between the parts: ranks, cycles, sizes and names."""

from __future__ import annotations

import ast
import graphlib
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import softplex

SOURCE = Path(softplex.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in SOURCE.rglob("*/__init__.py"))
MAX_LINES = 400
# A module imports only from parts above its own; parts in one line do not know each other.
RANKS = """
exceptions
_types
_checks
_labels
_text
_templates
_threads
_arrays
_tensors
_scored
maps
coding
information
losses
penalties
streaming
frequency
heads
objective
solvers
inference
evaluation
calibrators
uncertainty
estimators
vocabulary
decoding attention graph energy policy
data
report
diagnostics
io
distributed
serve
cli
__main__
"""
RANK = {part: rank for rank, line in enumerate(RANKS.split("\n")) for part in line.split()}


def name_of(path: Path) -> str:
    """Dotted name of a module or package."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The part that a dotted name belongs to; '' for the front door."""
    return module.split(".")[1] if "." in module else ""


NAMES = {name_of(path) for path in MODULES}


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names of the modules of this project that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names if item.name.split(".")[0] == "softplex")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            if node.module and node.module.split(".")[0] == "softplex":
                for item in node.names:
                    inner = f"{node.module}.{item.name}"
                    yield inner if inner in NAMES else node.module


def test_every_part_has_a_rank() -> None:
    parts = {part_of(name_of(path)) for path in MODULES} - {""}
    assert parts <= set(RANK)


def test_imports_point_upwards() -> None:
    wrong = []
    for path in MODULES:
        own = part_of(name_of(path))
        if path.name == "__init__.py":
            continue
        for module in set(imports_of(path)) - {"softplex"}:
            part = part_of(module)
            if part != own and RANK[part] >= RANK[own]:
                wrong.append(f"{name_of(path)} imports {module}")
    assert not wrong


def test_a_part_takes_from_another_what_it_exports() -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in MODULES
        for module in set(imports_of(path))
        if module.count(".") > 1 and part_of(module) != part_of(name_of(path))
    ]
    assert not wrong


def test_only_the_version_is_taken_from_the_front_door() -> None:
    wrong = [
        f"{name_of(path)} takes softplex.{node.attr}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "softplex"
        and node.attr != "__version__"
    ]
    assert not wrong


def test_no_import_cycles() -> None:
    front_door = SOURCE / "__init__.py"
    graph = {
        name_of(path): set(imports_of(path)) - {name_of(path), "softplex"}
        for path in MODULES
        if path != front_door
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_files_are_short() -> None:
    lengths = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES
    }
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_LINES}


def test_no_module_bears_the_name_of_a_public_function() -> None:
    functions = set()
    for package in [SOURCE, *PACKAGES]:
        module = importlib.import_module(name_of(package / "__init__.py"))
        exported = getattr(module, "__all__", [])
        functions |= {name for name in exported if inspect.isfunction(getattr(module, name))}
    assert functions
    stems = {part for path in MODULES for part in name_of(path).split(".")[1:]}
    assert not functions & stems


def test_modules_in_folders_are_private() -> None:
    """A name then has one public home: the folder that exports it."""
    inside = [path for path in MODULES if path.parent != SOURCE and path.name != "__init__.py"]
    assert not [path for path in inside if not path.stem.startswith("_")]
