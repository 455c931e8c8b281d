"""Priors: networks that were trained before any file, on series that were made up, and the files they are kept in."""

from forecast.priors.prior import Prior, Shape, bundled

__all__ = ["Prior", "Shape", "bundled"]
