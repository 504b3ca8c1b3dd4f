"""Notices: rows of the audit log told outside, over channels that administrators add.

The audit log is the outbox. Each channel has a place in it, and whatever was recorded behind that place is
told, in order, for as long as it takes. A notice can come twice, under the same id; none is left out.
"""

from __future__ import annotations

from setpoint.control.notices.delivery import NoticeController

__all__ = ["NoticeController"]
