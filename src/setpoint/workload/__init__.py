"""Workload: what runs on an instance, told from its metrics. Pure."""
