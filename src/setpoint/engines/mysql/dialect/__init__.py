"""How MySQL and MariaDB write things: values, addresses, option files, statements; what no table tells."""

from __future__ import annotations
