"""The control plane: what ties thinking to acting.

Observes, plans, applies, takes back, and remembers all of it.
"""
