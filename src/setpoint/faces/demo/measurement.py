"""Act 6: the settings before against the settings after, on two copies of the same data, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import msgspec

from setpoint.faces.demo.wording import amount, change, interval, share
from setpoint.lab.compare import Comparison, compare, order_of
from setpoint.lab.trial import WarmUp, run_trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.faces.demo.stage import Stage
    from setpoint.lab.compare import Contrast, Side
    from setpoint.lab.launch import PrivatePostgres
    from setpoint.lab.trial import Trial

STEAL_GATE = 0.03
_REPEATS = 1
_WARM_UP_S = 4.0
_NEAR_ZERO = _STEADY = 0.1
# An index scan in order reads table and index into shared buffers; a plain scan of a large table would
# pass them by.
_FILL_BUFFERS = """
set enable_seqscan = off; set enable_bitmapscan = off; set max_parallel_workers_per_gather = 0;
select sum(abalance) from pgbench_accounts where aid > 0
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a trial: its key, its name for people, how to read it, and which way is better."""

    key: str
    label: str
    read: Callable[[Trial], float]
    digits: int
    is_more_better: bool = False
    is_counter: bool = True


FIGURES = (
    Figure("tps", "transactions / s", lambda t: t.load.tps, 0, is_more_better=True, is_counter=False),
    Figure("latency_mean_ms", "latency, mean ms", lambda t: t.load.latency_mean_ms, 2, is_counter=False),
    Figure("latency_p95_ms", "latency, p95 ms", lambda t: t.load.latency_p95_ms or 0.0, 2, is_counter=False),
    Figure("blocks_read", "blocks read / trans.", lambda t: t.per_transaction.blocks_read, 3),
    Figure("wal_bytes", "WAL bytes / trans.", lambda t: t.per_transaction.wal_bytes, 0),
    Figure("temp_bytes", "temp bytes / trans.", lambda t: t.per_transaction.temp_bytes, 0),
)


def measure(stage: Stage, auto_conf_before: bytes) -> None:
    """Measure both sides in turn and tell what may be said: before is a twin, after the instance itself."""
    narrator, options = stage.narrator, stage.options
    narrator.act("Before against after, measured")
    order = order_of(options.pairs).upper()
    narrator.say(
        "A: a twin, a copy of the data with the settings it had before. B: the instance. Both are warmed up; "
        f"then {len(order)} trials of {options.trial_seconds} s run in the order {order}, each after a "
        f"checkpoint. One that lost more than {share(STEAL_GATE)} of the CPU to other machines is repeated."
    )
    with stage.twin(auto_conf_before) as twin:
        comparison, trials, is_disturbed = _compare(stage, {"a": twin, "b": stage.server})
    contrasts = {figure.key: _contrast(comparison, figure) for figure in FIGURES}
    _tell(stage, contrasts, trials, comparison, is_disturbed=is_disturbed)
    stage.report.sections["measurement"] = {
        "order": order,
        "trial_seconds": options.trial_seconds,
        "repeated": comparison.repeated,
        "suspect_pairs": comparison.suspect_pairs,
        "is_disturbed": is_disturbed,
        "contrasts": {
            key: {**msgspec.to_builtins(contrast), "claim": claim(contrast)}
            for key, contrast in contrasts.items()
        },
        "trials": [
            {"side": {"a": "before", "b": "after"}[side], **msgspec.to_builtins(trial)}
            for side, trial in trials
        ],
    }


def _compare(
    stage: Stage, servers: dict[Side, PrivatePostgres]
) -> tuple[Comparison, list[tuple[Side, Trial]], bool]:
    """Run the trials; answer the comparison, all of them in order, and whether every pair was disturbed."""
    options, narrator = stage.options, stage.narrator
    trials: list[tuple[Side, Trial]] = []
    for number, server in enumerate(servers.values()):
        narrator.progress(number / 2, "filling the buffers of both")
        stage.ask(server)(_FILL_BUFFERS)
    for number, server in enumerate(servers.values()):
        narrator.progress(number / 2, "warming both up")
        stage.load(server).run(min(_WARM_UP_S, options.trial_seconds))

    def trial(side: Side) -> Trial:
        count = 2 * options.pairs
        narrator.progress(
            len(trials) / count, f"trial {len(trials) + 1}: {'before' if side == 'a' else 'after'}"
        )
        server = servers[side]
        ask = stage.ask(server)
        # The nearer the last checkpoint, the more whole pages go to the WAL: each trial begins with one.
        ask("checkpoint")
        run = stage.load(server).run
        measured = run_trial(run, ask, seconds=options.trial_seconds, warm_up=WarmUp(limit_s=0))
        trials.append((side, measured))
        return measured

    comparison = compare(trial, pairs=options.pairs, steal_gate=STEAL_GATE, repeat_limit=_REPEATS)
    if comparison.a:
        return comparison, trials, False
    a, b = ([each for side, each in trials if side == wanted] for wanted in ("a", "b"))
    pairs = min(len(a), len(b))
    whole = Comparison(
        a=tuple(a[:pairs]),
        b=tuple(b[:pairs]),
        repeated=comparison.repeated,
        suspect_pairs=comparison.suspect_pairs,
    )
    return whole, trials, True


def _contrast(comparison: Comparison, figure: Figure) -> Contrast:
    contrast = comparison.contrast(figure.read, is_more_better=figure.is_more_better)
    if contrast is None:
        message = "a comparison without trials has no contrast"
        raise AssertionError(message)
    return contrast


def _tell(
    stage: Stage,
    contrasts: dict[str, Contrast],
    trials: list[tuple[Side, Trial]],
    comparison: Comparison,
    *,
    is_disturbed: bool,
) -> None:
    narrator = stage.narrator
    head = ("median", "before", "after", "change", "95% interval", "CV", "detects", "verdict")
    rows = [_row(figure, contrasts[figure.key], is_disturbed=is_disturbed) for figure in FIGURES]
    narrator.table(head, rows, "lrrrrrr")
    narrator.say(
        "CV: scatter of the trials before / after. Interval and verdict are of the pairs. Detects: the "
        "smallest change that the trials could have told from none without their pairing."
    )
    for figure in (FIGURES[0], FIGURES[3]):
        contrast = contrasts[figure.key]
        narrator.say(f"{figure.label}:")
        narrator.bars(
            [
                (name, side.median, amount(side.median, figure.digits))
                for name, side in (("before", contrast.a), ("after", contrast.b))
            ]
        )
    narrator.say(_judgement(contrasts["tps"], is_disturbed=is_disturbed))
    for figure in FIGURES:
        if figure.is_counter and (words := _counter_words(figure, contrasts[figure.key])):
            narrator.say(words)
    narrator.say(_noise_words(trials, comparison))


def _row(figure: Figure, contrast: Contrast, *, is_disturbed: bool) -> tuple[str, ...]:
    a, b = contrast.a, contrast.b
    is_relative = _is_relative(contrast)
    is_judged = figure.is_counter or not is_disturbed
    return (
        figure.label,
        amount(a.median, figure.digits),
        amount(b.median, figure.digits),
        change(contrast.change) if a.median else "-",
        interval(contrast.low, contrast.high) if is_relative else "-",
        f"{share(a.cv)} / {share(b.cv)}" if is_relative else "-",
        share(contrast.smallest_detectable) if is_relative else "-",
        claim(contrast) if is_judged else "not judged",
    )


def claim(contrast: Contrast) -> str:
    """Answer what is claimed: the pairs' verdict; only probable where unpaired trials could not tell it.

    Six figures are judged at once, so one of them may pass the pairs' test by chance.
    """
    if contrast.change is None or contrast.verdict == "no difference shown":
        return "not shown" if contrast.a.median or contrast.b.median else "none at all"
    is_small = abs(contrast.change) < (contrast.smallest_detectable or 0)
    return f"probably {contrast.verdict}" if _is_relative(contrast) and is_small else contrast.verdict


def _is_relative(contrast: Contrast) -> bool:
    """Tell whether relative figures say anything: about something near zero they do not."""
    return contrast.a.median > 0 and contrast.b.median > _NEAR_ZERO * contrast.a.median


def _judgement(tps: Contrast, *, is_disturbed: bool) -> str:
    """Say what may be said of throughput."""
    smallest = share(tps.smallest_detectable)
    found = f"{change(tps.change)} ({interval(tps.low, tps.high)}, 95%)"
    if is_disturbed:
        return "Throughput: no judgement. Every pair of trials lost too much CPU to other machines."
    if tps.verdict == "no difference shown":
        return (
            "Throughput: no gain shown, and none is claimed. With such scatter a change would have to be "
            f"about {smallest} to be told from none."
        )
    word = "gain" if tps.verdict == "better" else "loss"
    if claim(tps) != tps.verdict:
        return (
            f"Throughput: a {word}, {found}, is probable and not proven: by themselves, trials that scatter "
            f"so much show changes from about {smallest} on."
        )
    return f"Throughput: a {word}, {found}."


def _counter_words(figure: Figure, contrast: Contrast) -> str:
    """Say of a counter whether it moved; it repeats where throughput does not."""
    verdict = claim(contrast)
    if verdict != contrast.verdict:
        return ""
    before, after = (amount(side.median, figure.digits) for side in (contrast.a, contrast.b))
    text = f"{figure.label[0].upper()}{figure.label[1:]}: {verdict}, from {before} to {after}"
    return f"{text}; a counter, it repeats from run to run." if (contrast.a.cv or 0) < _STEADY else f"{text}."


def _noise_words(trials: list[tuple[Side, Trial]], comparison: Comparison) -> str:
    stolen = [trial.noise.steal_share for _, trial in trials if trial.noise.steal_share is not None]
    foreign = [trial.noise.foreign_share for _, trial in trials if trial.noise.foreign_share is not None]
    if not stolen or not foreign:
        return "How disturbed the trials were cannot be read on this machine."
    text = (
        f"Noise: other machines took {share(fmean(stolen), 1)} of the CPU, other programs here "
        f"{share(fmean(foreign))} (at most {share(max(foreign))})"
    )
    return f"{text}; {comparison.repeated} trials repeated, {comparison.suspect_pairs} pairs suspect."
