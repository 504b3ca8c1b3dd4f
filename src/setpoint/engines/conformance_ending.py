"""What every engine must do so that an override ends: preemption, endings, and the switch on the target."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from setpoint.config.override import LinkState
from setpoint.engines.conformance_stage import AT, Applied, Subject, demand, look, persisted_text
from setpoint.engines.ending import Ended, run_ending
from setpoint.engines.order import Armed, Back, Order
from setpoint.engines.planner import is_persisted
from setpoint.engines.readback import is_same_state, value_of
from setpoint.engines.session import drive
from setpoint.errors import UnreachableError

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.port import Driver

_DAY = timedelta(days=1)


class EndingConformance:
    """What concerns the end of overrides. Each test puts back what it changed."""

    def subject(self) -> Subject:
        """Answer the engine and the server under test."""
        raise NotImplementedError

    def test_a_holder_loses_the_instance_to_one_who_preempts(self) -> None:
        """The lock changes hands, and what the earlier holder still sends does nothing."""
        subject = self.subject()
        stood = _persisted(subject)
        steps = subject.engine.steps({subject.immediate[0]: subject.immediate[1]}, (), *look(subject), {})
        with closing(_writer(subject)) as first, closing(_writer(subject)) as second:
            first.lock("apply by ada")
            second.lock("ending", is_preempting=True)
            try:
                for request in steps.steps[0].do:
                    first.run(request)
            except UnreachableError:
                pass
            else:
                raise AssertionError("a holder that was preempted still writes")
            demand(_persisted(subject) == stood, "what it sent took effect")
            second.close()
            first.reconnect(subject.target.timeout_seconds)
            first.lock("apply by ada")

    def test_preemption_of_nobody_is_a_lock(self) -> None:
        """Where nobody holds the instance, it is simply taken, and taken again by who has it."""
        subject = self.subject()
        with closing(_writer(subject)) as driver:
            driver.lock("ending", is_preempting=True)
            driver.lock("ending", is_preempting=True)

    def test_an_ending_puts_back_what_is_ours_and_only_once(self) -> None:
        """What stood before runs again; a second ending finds nothing to do."""
        subject = self.subject()
        before, _ = look(subject)
        with Applied(subject, dict([subject.immediate])):
            ended = _end(subject)
            demand(ended.is_over, f"it is not over: {ended.left}")
            after, catalog = look(subject)
            _demand_back(subject, before, after, catalog)
            demand(_end(subject).verified is None, "there was something to do twice")

    def test_an_ending_leaves_a_persons_later_change(self) -> None:
        """What somebody set after us is a clash and stands."""
        subject = self.subject()
        name, text = subject.immediate
        with Applied(subject, {name: text}):
            subject.meddle(name, subject.second)
            ended = _end(subject)
            demand(ended.ending.clashes == (name,), f"the clash is not told: {ended.ending}")
            demand(ended.is_over, "a clash keeps it from being over")
            _demand_theirs(subject)
            subject.meddle(name, text)

    def test_a_switch_is_seen_where_it_is_and_gone_when_disarmed(self) -> None:
        """It says that it is armed, or in words why it cannot be."""
        subject = self.subject()
        switch = subject.engine.switch()
        if switch is None:
            return
        order = _order(subject, datetime.now(UTC) + _DAY)
        with closing(_writer(subject)) as driver:
            armed = drive(switch.arm(order), driver)
            if armed.state is not LinkState.ARMED:
                demand(armed.detail, "it does not say why it is not armed")
                demand(drive(switch.look(order), driver).state is armed.state, "a look says otherwise")
                drive(switch.disarm(order), driver)
                return
            demand(drive(switch.arm(order), driver).state is LinkState.ARMED, "it cannot be armed again")
            demand(drive(switch.look(order), driver).state is LinkState.ARMED, "it is not seen")
            later = _order(subject, datetime.now(UTC) + 2 * _DAY)
            seen = drive(switch.look(later), driver)
            demand(seen.state is LinkState.FAILED, "it passes for one with another deadline")
            for _ in range(2):
                gone = drive(switch.disarm(order), driver)
                demand(gone.state is LinkState.DISARMED, f"disarmed it is {gone.state.value}: {gone.detail}")
            demand(drive(switch.look(order), driver).state is LinkState.DISARMED, "it is still there")

    def test_a_switch_puts_back_what_is_ours(self) -> None:
        """With nobody else at work, what stood before runs again after the deadline, and it is gone."""
        subject = self.subject()
        if subject.wait_for_switch is None:
            return
        before, _ = look(subject)
        with Applied(subject, dict([subject.immediate])):
            gone = _fire(subject, value_of(before.setting(subject.immediate[0])))
            after, catalog = look(subject)
            _demand_back(subject, before, after, catalog)
            demand(gone.state is LinkState.DISARMED, f"it is there still: {gone.detail}")

    def test_a_switch_leaves_a_persons_later_change(self) -> None:
        """It acts on what is still ours alone."""
        subject = self.subject()
        if subject.wait_for_switch is None:
            return
        name, text = subject.immediate
        with Applied(subject, {name: text}):
            subject.meddle(name, subject.second)
            gone = _fire(subject)
            _demand_theirs(subject)
            demand(gone.state is LinkState.DISARMED, f"it is there still: {gone.detail}")
            subject.meddle(name, text)


def _fire(subject: Subject, running: str | None = None) -> Armed:
    """Arm a switch that is due, told what ran before, and answer how it looks once it has acted."""
    switch = subject.engine.switch()
    if switch is None or subject.wait_for_switch is None:
        raise AssertionError("there is no switch to wait for")
    order = _order(subject, datetime.now(UTC), running)
    with closing(_writer(subject)) as driver:
        drive(switch.arm(order), driver)
    subject.wait_for_switch()
    with closing(_writer(subject)) as driver:
        return drive(switch.look(order), driver)


def _end(subject: Subject) -> Ended:
    with closing(_writer(subject)) as driver:
        return run_ending(subject.engine, driver, _order(subject, AT), now=lambda: AT, holder="ending")


def _order(subject: Subject, deadline: datetime, running: str | None = None) -> Order:
    name, text = subject.immediate
    return Order(
        override="conformance-1",
        instance=subject.target.instance,
        engine=subject.engine.name,
        target=subject.target.address,
        backs=(Back(parameter=name, ours=text, back=subject.standing, running=running),),
        deadline=deadline,
        written_at=AT,
    )


def _writer(subject: Subject) -> Driver:
    return subject.engine.connect(subject.target, is_read_only=False)


def _demand_back(subject: Subject, before: Observation, after: Observation, catalog: Catalog) -> None:
    name = subject.immediate[0]
    is_back = is_same_state(name, before.settings[name], after.settings[name], catalog)
    demand(is_back, "it is not as it was before")


def _demand_theirs(subject: Subject) -> None:
    observation, catalog = look(subject)
    name = subject.immediate[0]
    is_theirs = is_persisted(name, subject.second, observation.settings[name], catalog)
    demand(is_theirs, "a person's change was taken away")


def _persisted(subject: Subject) -> SettingText:
    return persisted_text(look(subject)[0], subject.immediate[0])
