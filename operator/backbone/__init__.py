"""The data backbone: a Kubernetes operator, its worker, and what both share."""

__version__ = "0.1.0"
