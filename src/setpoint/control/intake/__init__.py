"""Intake: files of instances nobody can log in to, read from folders and kept as what the instance said."""
