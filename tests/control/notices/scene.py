"""A store with channels, a clock that a test moves, and sinks that take or refuse as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

from setpoint.control.context import Context
from setpoint.control.notices import NoticeController, channels
from setpoint.control.permit import Permit
from setpoint.errors import UnavailableError
from setpoint.policy.channel import Channel
from setpoint.policy.person import Principal, Right
from setpoint.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.policy.notice import Notice

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERMIT = Permit(Principal(name="lin", account="local:lin@db1", is_single_user=True), Right.MANAGE_PEOPLE)


@dataclass
class Receiver:
    """One place that notices go to."""

    got: list[Notice] = field(default_factory=list)
    refuses: Callable[[Notice], bool] = lambda _: False
    dies_after: int | None = None
    gate: Event | None = None

    def deliver(self, notice: Notice, at: datetime) -> None:
        if self.gate is not None:
            self.gate.wait(30)
        if self.refuses(notice):
            raise UnavailableError("the webhook answered with status 500", where="https://example.org")
        self.got.append(notice)
        if self.dies_after is not None and len(self.got) >= self.dies_after:
            raise SystemExit("killed after it was taken and before that was noted")

    @property
    def seqs(self) -> list[int]:
        return [notice.seq for notice in self.got]


@dataclass
class Scene:
    store: Store
    at: datetime = START
    receivers: dict[str, Receiver] = field(default_factory=dict)
    controllers: list[NoticeController] = field(default_factory=list)

    @property
    def context(self) -> Context:
        return Context(store=self.store, actor="setpoint", read_secret={}.get, now=lambda: self.at)

    def pass_by(self, **span: float) -> None:
        self.at += timedelta(**span)

    def add(self, name: str = "ops", **fields: Any) -> Receiver:
        draft = Channel(**{"id": name, "kind": "log", "by": "", "at": START, "because": "a reason", **fields})
        channels.add(self.context, draft, permit=PERMIT)
        return self.receivers.setdefault(name, Receiver())

    def remove(self, name: str = "ops") -> None:
        channels.remove(self.context, name, reason="no more", permit=PERMIT)

    def controller(self, patience_seconds: float = 30) -> NoticeController:
        made = NoticeController(
            patience_seconds=patience_seconds,
            make_sink=lambda channel, _: self.receivers[channel.id],
        )
        self.controllers.append(made)
        return made

    def poll(self, controller: NoticeController) -> float:
        return controller.poll(self.context)

    def row(self, action: str = "override.started", subject: str = "shop", **detail: Any) -> int:
        return self.store.audit.append("lin", action, subject, detail, self.at).seq

    def rows(self, action: str) -> list[dict[str, Any]]:
        return [row.detail for row in self.store.audit.rows(action=action)]

    def standing(self, name: str = "ops") -> channels.Standing:
        return channels.standing(self.context, channels.find(self.context, name).value)

    def close(self) -> None:
        for each in self.receivers.values():
            if each.gate is not None:
                each.gate.set()
        for each in self.controllers:
            each.stop()
