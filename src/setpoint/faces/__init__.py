"""Faces: the library's front, the command line, later the web. They decide nothing."""
