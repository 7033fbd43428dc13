"""A folder loads as it was saved, or says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

import softplex
from softplex.exceptions import InvalidInput, ModelFileError
from softplex.io._model import _manifest_checksum
from softplex.penalties import (
    ElasticNet,
    GroupLasso,
    Lasso,
    NoPenalty,
    Penalty,
    Ridge,
    SparseGroupLasso,
)

X = np.random.default_rng(0).normal(size=(30, 3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parts = {"scaler": StandardScaler().fit(X), "weights": np.arange(50.0)}
    softplex.save(parts, tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder: Path, **changes: Any) -> None:
    """Change the manifest as someone would who also mends its checksum."""
    path = folder / "model.json"
    manifest = {**json.loads(path.read_text()), **changes}
    manifest["sha256"] = _manifest_checksum(manifest)
    path.write_text(json.dumps(manifest))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_and_back(folder: Path) -> None:
    loaded = softplex.load(folder)
    assert_array_equal(loaded["weights"], np.arange(50.0))
    assert_array_equal(loaded["scaler"].transform(X), StandardScaler().fit_transform(X))


@pytest.mark.parametrize(
    "penalty",
    [
        Ridge([1, 0, 2]),
        Lasso(),
        ElasticNet(l1_ratio=0.3),
        GroupLasso([1, 2, 3]),
        SparseGroupLasso(),
        NoPenalty(),
    ],
    ids=lambda penalty: type(penalty).__name__,
)
def test_a_classifier_keeps_its_penalty(penalty: Penalty, tmp_path: Path) -> None:
    y = np.arange(30) % 3
    model = softplex.SoftmaxClassifier(penalty=penalty).fit(X, y)
    softplex.save(model, tmp_path / "model")
    loaded = softplex.load(tmp_path / "model")
    assert loaded.penalty == penalty
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert_array_equal(loaded.fit(X, y).coef_, model.coef_)


def test_loading_needs_only_the_folder(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    assert softplex.load(str(moved))["weights"].shape == (50,)


def test_the_same_model_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    softplex.save(softplex.load(folder), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)


def test_no_pickle_is_written(folder: Path) -> None:
    assert sorted(contents(folder)) == ["arrays.safetensors", "model.json", "model.scaler.skops"]
    assert not any(data.startswith(b"\x80") for data in contents(folder).values())


def test_saving_over_a_model_needs_force(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="force=True"):
        softplex.save({"a": 1}, folder)
    softplex.save({"a": 1}, folder, force=True)
    assert softplex.load(folder) == {"a": 1}


def test_what_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"model\.bad"):
        softplex.save({"bad": object()}, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no folder"):
        softplex.load(tmp_path / "nothing")


def test_foreign_places(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ModelFileError, match=r"has no model\.json"):
        softplex.load(tmp_path)
    with pytest.raises(ModelFileError, match="is a file"):
        softplex.load(tmp_path / "notes.txt")


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"format": 1}', '{"what": "other"}'])
def test_foreign_json(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(ModelFileError, match="not written by softplex"):
        softplex.load(folder)


@pytest.mark.parametrize("text", ["", "{", "\x00\x01", "[" * 100_000])
def test_damaged_json(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(ModelFileError, match="damaged or cut short"):
        softplex.load(folder)


def test_json_that_is_not_text(folder: Path) -> None:
    (folder / "model.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelFileError, match="damaged or cut short"):
        softplex.load(folder)


def test_changed_json(folder: Path) -> None:
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"weights"', '"heights"'))
    with pytest.raises(ModelFileError, match="checksum"):
        softplex.load(folder)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    rewrite(folder, format=99, softplex="7.0.0")
    with pytest.raises(ModelFileError, match=r"written by softplex 7\.0\.0.*Upgrade"):
        softplex.load(folder)


@pytest.mark.parametrize("name", ["arrays.safetensors", "model.scaler.skops"])
def test_a_missing_cut_or_changed_file_is_named(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-7])
    with pytest.raises(ModelFileError, match=f"{name} is cut short"):
        softplex.load(folder)
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    (folder / name).write_bytes(bytes(changed))
    with pytest.raises(ModelFileError, match=f"{name} is damaged"):
        softplex.load(folder)
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=f"{name} is missing"):
        softplex.load(folder)


def test_every_flipped_byte_is_found(folder: Path) -> None:
    for name, whole in contents(folder).items():
        for position in range(0, len(whole), max(1, len(whole) // 25)):
            changed = bytearray(whole)
            changed[position] ^= 0x55
            (folder / name).write_bytes(bytes(changed))
            with pytest.raises(ModelFileError):
                softplex.load(folder)
        (folder / name).write_bytes(whole)
    softplex.load(folder)


def test_a_file_outside_the_folder_is_not_read(folder: Path) -> None:
    rewrite(folder, files={"../secret": {"bytes": 1, "sha256": ""}})
    with pytest.raises(ModelFileError, match="outside"):
        softplex.load(folder)


def test_a_manifest_without_parts_is_refused(folder: Path) -> None:
    rewrite(folder, files={})
    with pytest.raises(ModelFileError, match="arrays"):
        softplex.load(folder)


@pytest.mark.parametrize("files", [None, [], {"arrays.safetensors": 3}])
def test_a_manifest_of_the_wrong_form_is_refused(folder: Path, files: object) -> None:
    rewrite(folder, files=files)
    with pytest.raises(ModelFileError):
        softplex.load(folder)


def test_a_type_that_would_run_code_is_not_loaded(folder: Path) -> None:
    from skops.io import dumps

    from softplex.io._model import _fingerprint

    data = dumps(TfidfVectorizer(tokenizer=print))
    (folder / "model.scaler.skops").write_bytes(data)
    manifest = json.loads((folder / "model.json").read_text())
    manifest["files"]["model.scaler.skops"] = _fingerprint(data)
    rewrite(folder, files=manifest["files"])
    with pytest.raises(ModelFileError, match="does not trust"):
        softplex.load(folder)
