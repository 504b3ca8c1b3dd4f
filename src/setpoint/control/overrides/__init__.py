"""Overrides: emergency settings that are on an instance within seconds and off it by their deadline."""
