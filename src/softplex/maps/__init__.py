"""Maps: scores to probabilities."""

from softplex.maps._barycentric import from_barycentric, to_barycentric
from softplex.maps._concrete import Concrete
from softplex.maps._gumbel import gumbel_softmax
from softplex.maps._jacobian import softmax_jacobian, softmax_jacobian_product
from softplex.maps._segments import segment_log_softmax, segment_logsumexp, segment_softmax
from softplex.maps._simplex import centred_log_ratio, inverse_centred_log_ratio, simplex_distance
from softplex.maps._softmax import log_softmax, logsumexp, softmax
from softplex.maps._sparse_maps import entmax15, sparsemax
from softplex.maps._trajectory import softmax_trajectory

__all__ = [
    "Concrete",
    "centred_log_ratio",
    "entmax15",
    "from_barycentric",
    "gumbel_softmax",
    "inverse_centred_log_ratio",
    "log_softmax",
    "logsumexp",
    "segment_log_softmax",
    "segment_logsumexp",
    "segment_softmax",
    "simplex_distance",
    "softmax",
    "softmax_jacobian",
    "softmax_jacobian_product",
    "softmax_trajectory",
    "sparsemax",
    "to_barycentric",
]
