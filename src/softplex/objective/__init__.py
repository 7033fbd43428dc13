"""A convex loss plus a penalty over data: value, gradient, and a dual bound on the optimum."""

from softplex.objective._certificate import Certificate, Status
from softplex.objective._coordinates import Coordinates
from softplex.objective._dual import certified_gap, least_change
from softplex.objective._hessian_product import hessian_product, reduced_hessian
from softplex.objective._hinge import HingeDual, HingeResponse, hinge_direction
from softplex.objective._hinge_certificate import certified_hinge_gap
from softplex.objective._quick_gap import quick_gap
from softplex.objective._ridge import Point, RidgeObjective
from softplex.objective._separation import Overlap, Separation, find_separation

__all__ = [
    "Certificate",
    "Coordinates",
    "HingeDual",
    "HingeResponse",
    "Overlap",
    "Point",
    "RidgeObjective",
    "Separation",
    "Status",
    "certified_gap",
    "certified_hinge_gap",
    "find_separation",
    "hessian_product",
    "hinge_direction",
    "least_change",
    "quick_gap",
    "reduced_hessian",
]
