"""What a fit without ``--C`` says and keeps of its search."""

from __future__ import annotations

import json
from pathlib import Path


def test_the_search_for_c_is_kept_shown_and_said(run, tmp_path: Path) -> None:
    result = run("fit", "iris", "--out", tmp_path / "m", "--no-calibrate")
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "m" / "metrics.json").read_text())
    path = metrics["path"]
    assert path["C"][path["chosen"]] == metrics["C"]
    assert path["scoring"] == "log_loss"
    assert min(value for value in path["mean"] if value is not None) == path["mean"][path["best"]]
    assert "of 10 values by the log-loss on 5 folds" in result.output
    assert 'id="path"' in (tmp_path / "m" / "report.html").read_text()


def test_a_given_c_has_no_search(fitted: Path) -> None:
    assert json.loads((fitted / "metrics.json").read_text())["path"] is None
    assert 'id="path"' not in (fitted / "report.html").read_text()
