"""A convex loss plus a penalty over data: value, gradient, and a dual bound on the optimum."""

from softplex.objective._certificate import Certificate, Status
from softplex.objective._coordinates import Coordinates
from softplex.objective._dual import certified_gap
from softplex.objective._hinge import Hinge, HingeDual, HingeResponse, hinge_direction
from softplex.objective._hinge_certificate import certified_hinge_gap
from softplex.objective._ridge import Point, RidgeObjective

__all__ = [
    "Certificate",
    "Coordinates",
    "Hinge",
    "HingeDual",
    "HingeResponse",
    "Point",
    "RidgeObjective",
    "Status",
    "certified_gap",
    "certified_hinge_gap",
    "hinge_direction",
]
