"""What should be set: rules over evidence, and an advisor that can say "no advice yet".

Knows no engine: rules are handed in, and read nothing but the evidence they are given.
"""

from __future__ import annotations

from setpoint.recommend.advisor import Advice, Silence, advise
from setpoint.recommend.evidence import Evidence, Window
from setpoint.recommend.finding import Finding, Remark, Severity
from setpoint.recommend.recommendation import Proposal, Recommendation
from setpoint.recommend.rule import Rule

__all__ = [
    "Advice",
    "Evidence",
    "Finding",
    "Proposal",
    "Recommendation",
    "Remark",
    "Rule",
    "Severity",
    "Silence",
    "Window",
    "advise",
]
