"""Real load on private servers: launch an engine, drive a load, a measured trial, a comparison.

Nothing here decides anything, and nothing here may touch a production instance: every server is one this
room started, with data it made itself.
"""

from __future__ import annotations
