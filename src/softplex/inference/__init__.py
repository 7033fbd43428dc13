"""Standard errors, tests, intervals and posteriors for the coefficients of a linear softmax."""

from softplex.inference._fisher import fisher_information
from softplex.inference._infer import infer
from softplex.inference._inference import Inference, WaldTest
from softplex.inference._laplace import LaplacePosterior
from softplex.inference._likelihood_ratio import LikelihoodRatioTest, likelihood_ratio_test
from softplex.inference._marginal import MarginalEffects, average_marginal_effects

__all__ = [
    "Inference",
    "LaplacePosterior",
    "LikelihoodRatioTest",
    "MarginalEffects",
    "WaldTest",
    "average_marginal_effects",
    "fisher_information",
    "infer",
    "likelihood_ratio_test",
]
