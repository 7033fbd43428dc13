"""Train a network by mini-batches, with early stopping and a checkpoint that a fit goes on from."""

from __future__ import annotations

import tempfile

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from softplex import ModuleClassifier, evaluate
from softplex.io import Checkpoint


def network() -> nn.Module:
    """Make a network with one hidden layer."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))


def classifier(max_epochs: int) -> ModuleClassifier:
    """Describe the training."""
    return ModuleClassifier(
        network(),
        learning_rate=3e-3,
        warmup_steps=20,
        weight_decay=0.1,
        smoothing=0.05,
        clip_norm=1.0,
        max_epochs=max_epochs,
        validation_fraction=0.15,
        patience=5,
        random_state=0,
    )


def main() -> None:
    """Fit in one go and in two, and compare."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)
    whole = classifier(15).fit(X_train, y_train)
    best = min(whole.history_, key=lambda epoch: epoch.held_out_loss)
    print(f"{len(whole.history_)} epochs, the best is {best.number}: {whole.status_.sentence}")
    accuracy = evaluate(whole.predict_proba(X_test), y_test).metrics["accuracy"].value
    print(f"test accuracy {accuracy:.3f}")
    with tempfile.TemporaryDirectory() as place:
        kept = Checkpoint(f"{place}/state")
        classifier(4).fit(X_train, y_train, checkpoint=kept)
        resumed = classifier(15).fit(X_train, y_train, checkpoint=kept)
    pairs = zip(whole.module_.parameters(), resumed.module_.parameters(), strict=True)
    print("equal to the bit:", all(torch.equal(one, other) for one, other in pairs))


if __name__ == "__main__":
    main()
