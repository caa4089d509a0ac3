"""Protocols and frozen readings through which the shell sees the outside."""
