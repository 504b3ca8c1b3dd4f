"""Rollouts: a change taken over a fleet in waves by rows, each step of which somebody else may go on with."""
