"""One tree of errors and warnings.

::

    SoftplexError
      InvalidInput (also ValueError)        an argument or an array that cannot be used
        DataError                           a table, a column or a file of data
          SchemaMismatch                    a table that does not fit a fitted model
      SolverRefused (also ValueError)       the problem is not one that the solver takes
      ModelFileError (also OSError)         a saved model: damaged, truncated, foreign or newer

    SoftplexWarning (also UserWarning)
      GapNotReached                         a fit that stopped before the asked gap
        ClassesSeparated                    a fit without a penalty, and without an optimum
      TrainingDiverged                      a mini-batch fit whose loss was no longer finite
      DataWarning                           columns dropped, categories unseen, rows rejected
      CalibrationWarning                    a calibrator without a finite optimum

Every message says who refused, what is needed, what came, and the way out.
"""

from __future__ import annotations


class SoftplexError(Exception):
    """Base of every error that softplex raises on purpose."""


class InvalidInput(SoftplexError, ValueError):
    """An argument or an array cannot be used as it is."""


class DataError(InvalidInput):
    """A table, a column or a file of data cannot be used as it is."""


class SchemaMismatch(DataError):
    """A table does not fit the columns that a model was fitted on."""


class SolverRefused(SoftplexError, ValueError):
    """A solver does not take this problem, and says so before its first step."""


class ModelFileError(SoftplexError, OSError):
    """A saved model is damaged, truncated, foreign or of a newer format."""


class SoftplexWarning(UserWarning):
    """Base of every warning that softplex gives."""


class GapNotReached(SoftplexWarning):
    """A fit stopped before the relative duality gap that was asked for."""


class TrainingDiverged(SoftplexWarning):
    """A mini-batch fit ended because its loss was no longer finite."""


class ClassesSeparated(GapNotReached):
    """Classes are separated, so that a fit without a penalty has no optimum."""


class DataWarning(SoftplexWarning):
    """Something in a table was repaired, dropped or counted."""


class CalibrationWarning(SoftplexWarning):
    """A calibrator has no finite optimum on these scores."""
