"""Bundles: the ways to and from an instance that only files reach."""
