"""A small network on unbalanced digits: smoothing, and class priors in the loss.

Run it with ``python examples/losses_in_a_network.py``. The digits 5 to 9 are made rare in training,
and all are alike frequent in the test, so the bare scores should not favour what was frequent: the
loss with the training shares as its prior (logit adjustment) sees to that.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from softplex.losses import CrossEntropyLoss

EPOCHS = 60


def unbalanced_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give training rows, in which the digits 5 to 9 are rare, and balanced test rows."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)
    kept = (y_train < 5) | (np.random.default_rng(0).random(len(y_train)) < 0.05)
    arrays = (X_train[kept], y_train[kept], X_test, y_test)
    return tuple(
        torch.as_tensor(array, dtype=torch.float32 if array.ndim == 2 else torch.long)
        for array in arrays
    )


def train(loss: nn.Module, X: Tensor, y: Tensor) -> nn.Module:
    """Train a network with one hidden layer."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(X.shape[1], 64), nn.ReLU(), nn.Linear(64, 10))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(y)).split(64):
            optimiser.zero_grad()
            loss(network(X[rows]), y[rows]).backward()
            optimiser.step()
    return network


def main() -> None:
    """Compare the losses on the test digits."""
    X_train, y_train, X_test, y_test = unbalanced_digits()
    counts = torch.bincount(y_train, minlength=10)
    print("training digits:", counts.tolist())
    shares = counts / counts.sum()
    losses = {
        "plain": CrossEntropyLoss(),
        "smoothing": CrossEntropyLoss(smoothing=0.05),
        "smoothing, prior": CrossEntropyLoss(smoothing=0.05, prior=shares),
    }
    for name, loss in losses.items():
        scores = train(loss, X_train, y_train)(X_test).detach()
        accuracy = balanced_accuracy_score(y_test, scores.argmax(1))
        print(f"{name:<18} balanced accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
