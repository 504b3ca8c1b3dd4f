"""Real load on private servers: launch an engine, drive a load generator, a measured trial, an interleaved comparison.

Nothing here decides anything, and nothing here may touch a production instance: every server is one this room started,
with data it made itself.
"""

from __future__ import annotations
