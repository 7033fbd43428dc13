"""Maps: scores to probabilities."""

from softplex.maps._softmax import log_softmax, logsumexp, softmax

__all__ = ["log_softmax", "logsumexp", "softmax"]
