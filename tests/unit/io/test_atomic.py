"""A reader sees the old content or the new, and never a half."""

from __future__ import annotations

from pathlib import Path

import pytest

from softplex.exceptions import InvalidInput
from softplex.io import check_free, staged_file, staged_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make_model_folder(folder: Path, text: str = "old") -> None:
    folder.mkdir()
    (folder / "model.json").write_text(text)


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "deep" / "model") as stage:
        (stage / "a").write_text("1")
        assert not (tmp_path / "deep" / "model").exists()
    assert (tmp_path / "deep" / "model" / "a").read_text() == "1"
    assert names(tmp_path / "deep") == ["model"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def write_half() -> None:
        with staged_folder(tmp_path / "model") as stage:
            (stage / "a").write_text("1")
            raise error

    with pytest.raises(error):
        write_half()
    assert names(tmp_path) == []


def test_a_failure_keeps_the_old_folder(tmp_path: Path) -> None:
    make_model_folder(tmp_path / "model")
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "model", force=True):
        raise RuntimeError
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "model.json").read_text() == "old"


def test_force_replaces_all_of_the_old_folder(tmp_path: Path) -> None:
    make_model_folder(tmp_path / "model")
    (tmp_path / "model" / "left-over").write_text("x")
    with staged_folder(tmp_path / "model", force=True) as stage:
        (stage / "model.json").write_text("new")
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == ["model.json"]


def test_the_old_folder_comes_back_when_the_swap_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model_folder(tmp_path / "model")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.startswith(".new-"):
            raise OSError("the disk is full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="full"), staged_folder(tmp_path / "model", force=True):
        pass
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "model.json").read_text() == "old"


def test_an_existing_folder_is_refused_without_force(tmp_path: Path) -> None:
    make_model_folder(tmp_path / "model")
    with pytest.raises(InvalidInput, match="--force"):
        check_free(tmp_path / "model")


def test_force_does_not_replace_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInput, match="no softplex model"):
        check_free(tmp_path, force=True)


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert check_free(tmp_path / "model", force=True) == (tmp_path / "model").resolve()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("x")
    with pytest.raises(InvalidInput, match="is a file"):
        check_free(tmp_path / "model", force=True)
    with pytest.raises(InvalidInput, match="is a file"):
        check_free(tmp_path / "model" / "below")


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    make_model_folder(tmp_path / "model")
    (tmp_path / "link").symlink_to(tmp_path / "model")
    with staged_folder(tmp_path / "link", force=True) as stage:
        (stage / "model.json").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "model" / "model.json").read_text() == "new"


def test_a_file_appears_whole(tmp_path: Path) -> None:
    with staged_file(tmp_path / "out.csv.gz") as stage:
        stage.write_text("1")
        assert stage.name.endswith("out.csv.gz")
        assert not (tmp_path / "out.csv.gz").exists()
    assert names(tmp_path) == ["out.csv.gz"]


def test_a_failure_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")

    def write_half() -> None:
        with staged_file(tmp_path / "out.csv") as stage:
            stage.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert names(tmp_path) == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "old"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"), staged_file(tmp_path):
        pass
