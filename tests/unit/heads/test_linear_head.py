"""The linear head keeps the contract of heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

from softplex import load, save
from softplex.exceptions import InvalidInput, ModelFileError
from softplex.heads import LinearHead, SavedModule
from softplex.losses import cross_entropy


@pytest.fixture
def head() -> LinearHead:
    torch.manual_seed(0)
    head = LinearHead(4, 3, dtype=torch.float64)
    nn.init.normal_(head.weight)
    nn.init.normal_(head.bias)
    return head


X = torch.as_tensor(load_iris().data[::7])
Y = torch.as_tensor(load_iris().target[::7])


def test_scores_are_linear(head: LinearHead) -> None:
    expected = X.numpy() @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(head(X).detach().numpy(), expected, rtol=1e-14)
    assert torch.equal(head(X), head.scores(X))


def test_log_prob_is_normalised_and_the_loss_is_its_mean(head: LinearHead) -> None:
    log_prob = head.log_prob(X)
    torch.testing.assert_close(log_prob.exp().sum(1), torch.ones(len(X), dtype=torch.float64))
    assert torch.equal(head.loss(X, Y), cross_entropy(head.scores(X), Y))
    torch.testing.assert_close(head.loss(X, Y), -log_prob[range(len(X)), Y].mean())


def test_topk_gives_the_largest_log_probabilities(head: LinearHead) -> None:
    values, classes = head.topk(X, 2)
    expected, places = head.log_prob(X).sort(descending=True)
    torch.testing.assert_close(values, expected[:, :2])
    assert torch.equal(classes, places[:, :2])


def test_it_begins_at_equal_probabilities() -> None:
    loss = LinearHead(4, 3, dtype=torch.float64).loss(X, Y)
    torch.testing.assert_close(loss.detach(), torch.tensor(3.0, dtype=torch.float64).log())


def test_a_head_without_bias_and_on_single_rows() -> None:
    head = LinearHead(2, 3, bias=False)
    assert [name for name, _ in head.named_parameters()] == ["weight"]
    assert head(torch.ones(2)).shape == (3,)
    assert head(torch.ones(5, 6, 2)).shape == (5, 6, 3)
    assert "bias=False" in repr(head)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_there_and_back_through_a_folder(tmp_path, bias: bool, dtype: torch.dtype) -> None:
    head = LinearHead(4, 3, bias=bias, dtype=dtype)
    nn.init.normal_(head.weight)
    assert isinstance(head, SavedModule)
    save(head, tmp_path / "head")
    same = load(tmp_path / "head")
    assert not same.training
    assert same.state_dict().keys() == head.state_dict().keys()
    for name, value in head.state_dict().items():
        assert torch.equal(same.state_dict()[name], value)
        assert same.state_dict()[name].dtype == dtype


def test_a_head_that_does_not_fit_its_own_description(tmp_path) -> None:
    head = LinearHead(4, 3)
    head.in_features = 5
    save(head, tmp_path / "head")
    with pytest.raises(ModelFileError, match=r"(?s)does not fit together .*size mismatch"):
        load(tmp_path / "head")


def test_a_custom_module_is_not_saved_and_says_what_to_do(tmp_path) -> None:
    network = nn.Linear(2, 3)
    with pytest.raises(InvalidInput, match=r"model: a Linear is built by code.*state_dict\(\)"):
        save(network, tmp_path / "network")
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    save(state, tmp_path / "network")
    again = nn.Linear(2, 3)
    loaded = {name: torch.from_numpy(value) for name, value in load(tmp_path / "network").items()}
    again.load_state_dict(loaded)
    assert torch.equal(again.weight, network.weight)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LinearHead(0, 3), r"in_features must be a whole number in \[1, inf\), but got 0"),
        (lambda: LinearHead(4, 2.5), "n_classes must be a whole number"),
        (lambda: LinearHead(4, 3)(torch.ones(2, 5)), r"needs 4 features .* shape \(2, 5\)"),
        (lambda: LinearHead(4, 3).topk(torch.ones(2, 4), 4), r"m must be .* in \[1, 3\]"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
