"""Shapes: how clients of databases print rows, whatever the engine. Pure: texts in, tables out."""
