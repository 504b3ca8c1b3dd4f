"""What ``mariadbd`` says of its option files: asked as MySQL's program is, but for its name."""

from __future__ import annotations

from setpoint.engines.mysql.validation import OptionFileValidator

VALIDATOR = OptionFileValidator("mariadb")
