"""The Concrete distribution: relaxed one-hot rows with a density."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from softplex._arrays import FLOATS, to_float_tensor, to_tensor
from softplex._tensors import (
    check_probabilities,
    check_temperature,
    divided,
    named_slice,
    place_of,
    refuse_unusable_scores,
    values_known,
    widened,
)
from softplex.exceptions import InvalidInput
from softplex.maps._gumbel import gumbel_noise
from softplex.maps._softmax import log_softmax, softmax


class Concrete(Distribution):
    r"""Relaxed one-hot rows x = softmax((z + g) / T), with Gumbel noise g, and their density.

    .. math:: \log f(x) = \log (k-1)! + (k-1) \log T
        + \sum_i \bigl[z_i - (T+1) \log x_i\bigr] - k \log \sum_i \exp(z_i - T \log x_i)

    It is evaluated in log space, and finite on the distribution's own samples.

    Parameters
    ----------
    temperature : float > 0, or a tensor of such that broadcasts to the batch
        The T of the formula, of the shape of the batch, without the dimension of the classes.
    scores : tensor of shape (..., k), optional
        Raw class scores z, of which softmax gives the class probabilities. ``-inf`` is an absent
        class: it is 0 in every sample, and k counts the others.
    probabilities : tensor of shape (..., k), optional
        In place of the scores; 0 is an absent class.
    validate_args : bool, optional
        Whether values are checked; by default as ``torch.distributions`` is set, which
        ``torch.compile`` turns off.

    Attributes
    ----------
    temperature, scores : Tensor
        As given, broadcast to the batch; ``scores`` are log-probabilities if those were given.
    probabilities, probs, logits : Tensor
        Class probabilities, the same under torch's name, and their logarithms.

    Raises
    ------
    InvalidInput
        When not exactly one of scores and probabilities is given, a value cannot be used, or the
        shapes do not fit.

    Notes
    -----
    At low temperatures the small entries of a sample are less than the smallest number of the
    dtype. ``sample`` and ``rsample`` put that number in their place, never 0, so ``log_prob``
    stays finite, but it is the density of the changed row. ``rsample_log`` gives log x, which
    loses nothing, and ``log_prob_of_log`` takes it.

    References
    ----------
    Maddison, Mnih, Teh (2017), "The Concrete distribution: a continuous relaxation of discrete
    random variables", Definition 1.

    Examples
    --------
    >>> concrete = Concrete(0.01, probabilities=torch.tensor([0.2, 0.3, 0.5]))
    >>> bool(concrete.log_prob(concrete.sample((1000,))).isfinite().all())
    True
    >>> round(Concrete(1.0, torch.zeros(3)).log_prob(torch.tensor([0.2, 0.3, 0.5])).exp().item(), 4)
    2.014
    """

    arg_constraints = {  # noqa: RUF012 - torch declares it so
        "temperature": constraints.positive,
        "scores": constraints.real_vector,
        "probabilities": constraints.simplex,
    }
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self,
        temperature: float | Tensor,
        scores: Any = None,
        probabilities: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if (scores is None) == (probabilities is None):
            raise InvalidInput("Concrete needs either scores or probabilities, and not both.")
        is_checked = Distribution._validate_args if validate_args is None else validate_args
        given = to_float_tensor(probabilities if scores is None else scores)
        if given.ndim < 1 or given.shape[-1] < 1:
            raise InvalidInput(
                f"Concrete needs at least one class in the last dimension, but got shape "
                f"{tuple(given.shape)}."
            )
        if is_checked:
            _check_parameters(temperature, given, by_scores=probabilities is None)
        self.scores = _logarithm(given) if scores is None else given
        self.temperature = torch.as_tensor(
            temperature, dtype=self.scores.dtype, device=self.scores.device
        )
        if is_checked:
            check_temperature(self.temperature)  # it may have rounded to 0
        batch_shape = self._broadcast()
        super().__init__(batch_shape, self.scores.shape[-1:], validate_args=False)
        self._validate_args = is_checked

    def _broadcast(self) -> torch.Size:
        try:
            shape = np.broadcast_shapes(self.temperature.shape, self.scores.shape[:-1])
        except ValueError as error:
            raise InvalidInput(
                "Concrete needs a temperature that broadcasts to the batch of the scores, of "
                f"shape {tuple(self.scores.shape[:-1])} (without the classes), but got "
                f"{tuple(self.temperature.shape)}."
            ) from error
        self.temperature = self.temperature.expand(shape)
        self.scores = self.scores.expand((*shape, self.scores.shape[-1]))
        return torch.Size(shape)

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities, each the share of samples whose largest entry is that class."""
        result: Tensor = softmax(self.scores)
        return result

    @property
    def probs(self) -> Tensor:
        """The probabilities, under the name that torch uses."""
        return self.probabilities

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities, under the name that torch uses."""
        result: Tensor = log_softmax(self.scores)
        return result

    def expand(self, batch_shape: Any, _instance: Any = None) -> Concrete:
        """Give the same distribution with its batch expanded, without a copy."""
        new = self._get_checked_instance(Concrete, _instance)  # type: ignore[no-untyped-call]
        shape = torch.Size(batch_shape)
        new.temperature = self.temperature.expand(shape)
        new.scores = self.scores.expand((*shape, *self.event_shape))
        super(Concrete, new).__init__(shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new  # type: ignore[no-any-return]

    def rsample_log(
        self, sample_shape: Any = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw log x, with gradients to the scores and the temperature.

        Parameters
        ----------
        sample_shape : tuple of int, default ()
            How many rows to draw of every one in the batch.
        generator : torch.Generator, optional
            Where the noise comes from; by default torch's global generator.

        Returns
        -------
        Tensor
            Of shape sample_shape + batch + (k,); log-sum-exp along the classes is 0. In float32 at
            least: float16 ends at 65504, and a sum of k logarithms does not.
        """
        return self._log_sample(sample_shape, generator)

    def rsample(self, sample_shape: Any = (), generator: torch.Generator | None = None) -> Tensor:
        """Draw x, with gradients; takes what :meth:`rsample_log` does. No present class is 0."""
        drawn = self._log_sample(sample_shape, generator).exp()
        floored = drawn.clamp(min=_smallest(self.scores.dtype))
        return torch.where(self._is_present, floored, 0.0).to(self.scores.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Give the log-density at rows of the simplex, in nats.

        Where the row holds less than the smallest number that ``sample`` gives, that number
        is put in its place. A row that gives an absent class a share has density 0.

        Parameters
        ----------
        value : Tensor of shape (..., k)
            Broadcasts with the batch.

        Returns
        -------
        Tensor
            Of the broadcast shape, without the classes, in float32 at least.

        Raises
        ------
        InvalidInput
            When a row is not on the simplex, or the shape does not fit.
        """
        self._check_value(value)
        if self._validate_args:
            check_probabilities("Concrete.log_prob", "values", value, -1)
        wide = widened(value)
        return self._density(wide.clamp(min=_smallest(value.dtype)).log(), wide > 0)

    def log_prob_of_log(self, log_value: Tensor) -> Tensor:
        """Give the log-density of x at log x: exact where x itself would round to 0.

        It is the density of x on the simplex, not that of log x, which is larger by sum(log x).
        Takes and gives what :meth:`log_prob` does.
        """
        self._check_value(log_value)
        wide = widened(log_value)
        return self._density(wide.clamp(min=self._lowest(wide)), wide > -math.inf)

    @property
    def _is_present(self) -> Tensor:
        return self.scores > -math.inf

    def _log_sample(self, sample_shape: Any, generator: torch.Generator | None) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        centred = divided(self.scores, 1.0, -1)[0].expand(shape)
        noisy = centred + gumbel_noise(shape, centred, generator)
        temperature = widened(self.temperature).unsqueeze(-1)
        drawn: Tensor = log_softmax(noisy, temperature=temperature)
        return torch.where(self._is_present, drawn.clamp(min=self._lowest(drawn)), -math.inf)

    def _lowest(self, logarithms: Tensor) -> float:
        """Give the lowest log x that is used: k of them, and more, still have a sum."""
        return torch.finfo(logarithms.dtype).min / (8 * self.event_shape[0])

    def _density(self, logarithms: Tensor, is_positive: Tensor) -> Tensor:
        """Give log (k-1)! + (k-1) log T + sum_i [log softmax(z - T log x)_i - log x_i].

        The k log-sum-exps are taken into the sum, where each cancels against its own term.
        """
        present = self._is_present
        temperature = widened(self.temperature)
        logarithms = torch.where(present, logarithms, 0.0)
        top = torch.where(present, logarithms, -math.inf).detach().amax(-1, keepdim=True)
        tilted = divided(self.scores, 1.0, -1)[0] - temperature.unsqueeze(-1) * (logarithms - top)
        terms = torch.log_softmax(torch.where(present, tilted, -math.inf), -1) - logarithms
        classes = present.sum(-1).to(temperature.dtype)
        constant = torch.lgamma(classes) + (classes - 1.0) * temperature.log()
        result = constant + torch.where(present, terms, 0.0).sum(-1)
        outside = (is_positive & ~present).any(-1)
        return torch.where(outside, -math.inf, result)

    def _check_value(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise InvalidInput(
                f"Concrete needs values in a tensor, but got {type(value).__name__}."
            )
        if to_tensor(value, who="Concrete").dtype not in FLOATS:
            raise InvalidInput(
                f"Concrete needs values of a floating-point type, but got {value.dtype}. Use "
                "value.to(scores.dtype)."
            )
        expected = (*self.batch_shape, *self.event_shape)
        try:
            fits = value.ndim > 0 and value.shape[-1] == expected[-1]
            np.broadcast_shapes(value.shape, expected)
        except ValueError:
            fits = False
        if not fits:
            raise InvalidInput(
                f"Concrete needs values that broadcast to its shape {expected}, with all the "
                f"classes last, but got shape {tuple(value.shape)}."
            )


def _smallest(dtype: torch.dtype) -> float:
    """Give the smallest normal number; in float16, whose normal numbers end at 6e-5, 2^-24."""
    limits = torch.finfo(dtype)
    return limits.tiny * limits.eps if dtype == torch.float16 else limits.tiny


def _logarithm(probabilities: Tensor) -> Tensor:
    is_positive = probabilities > 0
    logarithms = torch.where(is_positive, probabilities, 1.0).log()
    return torch.where(is_positive, logarithms, -math.inf)


def _check_parameters(temperature: float | Tensor, given: Tensor, *, by_scores: bool) -> None:
    check_temperature(temperature)
    if not by_scores:
        check_probabilities("Concrete", "probabilities", given, -1)
    elif values_known(given):
        refuse_unusable_scores("Concrete", given)
        empty = (given == -math.inf).all(-1)
        if bool(empty.any()):
            raise InvalidInput(
                "Concrete needs a class in every row, but "
                f"{named_slice(place_of(empty) if empty.ndim else ())} has none left (all at "
                "-inf). Leave the row out."
            )
