"""Taking back: no way to bring a bad value back for nothing."""

from __future__ import annotations

import pytest
from tests.attacks.scene import SHOP

from setpoint.control import logbook
from setpoint.errors import RefusedError

UNSAFE = {"durable": "off"}


class Killed(BaseException):
    """The end of a process at a chosen moment: nothing in between can notice it."""


def kill_at(number: int):
    def die(step: int, _: object) -> None:
        if step == number:
            raise Killed

    return die


@pytest.fixture
def mended(town):
    """The shop ran unsafe before us; an approved change made it safe."""
    town.server.set_by_hand("durable", "off")
    made, _ = town.approved(durable="on")
    town.olaf.apply(made)
    assert town.server.running["durable"] == "on"
    return town


def test_taking_back_brings_no_bad_value_back_for_nothing(mended):
    with mended.refused("needs approvals"):
        mended.olaf.undo(SHOP)


def test_taking_back_is_what_was_approved_and_nothing_else(mended):
    change = mended.olaf.governance.propose_undo(SHOP, reason="it was right before")
    with mended.refused("nobody approves their own change|may not approve"):
        mended.olaf.governance.approve(change.id)
    mended.mara.governance.approve(change.id)
    mended.olaf.undo(SHOP)
    assert mended.server.running["durable"] == "off"
    with pytest.raises(RefusedError, match="there is no apply to take back"):
        mended.olaf.undo(SHOP)


def interrupt(town, **settings: str) -> None:
    """Begin something that needs nobody, and die in the middle of it."""
    made = town.wish(**settings)
    with pytest.raises(Killed):
        town.olaf.apply(made, before_step=kill_at(1))


def interrupt_undo(town, monkeypatch) -> None:
    """Begin to take back and die at its second step."""
    real = logbook.Logbook.intend

    def intend(self, number, step):
        if number == 1:
            raise Killed
        real(self, number, step)

    with monkeypatch.context() as patch:
        patch.setattr(logbook.Logbook, "intend", intend)
        with pytest.raises(Killed):
            town.olaf.undo(SHOP)


def test_an_interrupted_apply_is_no_free_way_past_what_came_before_it(mended):
    interrupt(mended, sort_memory="8MB")
    mended.olaf.undo(SHOP)
    assert mended.server.running["durable"] == "on"
    with pytest.raises(RefusedError, match="there is no apply to take back"):
        mended.olaf.undo(SHOP)


def test_an_interrupted_undo_is_no_free_way_past_what_came_before_it(mended, monkeypatch):
    """Apply something harmless, die; take it back, die; take back once more: never more than the harmless."""
    interrupt(mended, sort_memory="8MB")
    interrupt_undo(mended, monkeypatch)
    try:
        mended.olaf.undo(SHOP)
    finally:
        assert mended.server.running["durable"] == "on"
        assert mended.server.persisted["durable"] == "on"


def test_an_interrupted_undo_of_something_harmless_is_no_free_way_either(mended, monkeypatch):
    made = mended.wish(sort_memory="8MB")
    mended.olaf.apply(made)
    interrupt_undo(mended, monkeypatch)
    mended.olaf.undo(SHOP)
    assert mended.server.persisted["durable"] == "on"
    with pytest.raises(RefusedError, match="there is no apply to take back"):
        mended.olaf.undo(SHOP)


def test_two_interrupted_applies_are_no_free_way_past_what_came_before_them(mended):
    interrupt(mended, sort_memory="8MB")
    interrupt(mended, sort_memory="9MB")
    mended.olaf.undo(SHOP)
    assert mended.server.persisted["durable"] == "on"


def test_an_apply_that_came_to_its_end_does_not_count_as_interrupted(mended):
    """The journal is no part of the chain; its word alone must not open a lock."""
    mended.meddle("UPDATE apply SET outcome = 'interrupted'")
    with mended.refused("needs approvals|tampered|not what the audit log|journal"):
        mended.olaf.undo(SHOP)


def test_what_is_ours_is_not_made_so_from_behind(town):
    """A lock with `restore` lets what we wrote be put back; who wrote it is not for the file alone to say."""
    from tests.attacks.scene import POLICY

    town.decide(POLICY.replace("outcome: ask", "outcome: ask, restore: true"))
    made = town.wish(durable="on", sort_memory="8MB")
    change = town.propose(made) if made.steps and any(s.parameter == "durable" for s in made.steps) else None
    if change is not None:
        town.mara.governance.approve(change.id)
    town.olaf.apply(made)
    body = town.look("SELECT body, apply_id FROM ownership LIMIT 1")[0]
    forged = body[0].replace("sort_memory", "durable").replace("8MB", "off")
    town.meddle(
        "DELETE FROM ownership WHERE parameter = 'durable'",
        ("INSERT INTO ownership VALUES ('shop', 'durable', ?, ?, '[]')", (body[1], forged)),
    )
    with town.refused("needs approvals|tampered|not what the audit log|journal"):
        town.olaf.apply(town.wish(durable="off"))
