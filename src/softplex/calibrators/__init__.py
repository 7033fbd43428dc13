"""Calibrators: scores and labels to a better map."""

from softplex.calibrators._temperature import TemperatureScaling, TemperatureStatus

__all__ = ["TemperatureScaling", "TemperatureStatus"]
