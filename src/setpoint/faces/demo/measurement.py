"""Act 6: the settings before against the settings after, on two copies of the same data, in turn."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import msgspec

from setpoint.faces.demo.figure import LOAD_FIGURES
from setpoint.faces.demo.wording import amount, change, interval, share
from setpoint.lab.compare import Comparison, compare, order_of
from setpoint.lab.trial import WarmUp, run_trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.faces.demo.cast import Player
    from setpoint.faces.demo.figure import Figure
    from setpoint.faces.demo.stage import Stage
    from setpoint.lab.compare import Contrast, Side
    from setpoint.lab.trial import Trial

STEAL_GATE = 0.03
_REPEATS = 1
_WARM_UP_S = 4.0
_NEAR_ZERO = _STEADY = 0.1


def measure(stage: Stage, kept_before: bytes) -> None:
    """Measure both sides in turn and tell what may be said: before is a twin, after the instance itself."""
    narrator, options, script = stage.narrator, stage.options, stage.cast.script
    figures = (*LOAD_FIGURES, *script.counters)
    narrator.act("Before against after, measured")
    order = order_of(options.pairs).upper()
    narrator.say(
        "A: a twin, a copy of the data with the settings it had before. B: the instance. Both are warmed up; "
        f"then {len(order)} trials of {options.trial_seconds} s run in the order {order}, "
        f"{script.trials_come}. One that lost more than {share(STEAL_GATE)} of the CPU to other machines is "
        "repeated."
    )
    if stage.player.remark:
        narrator.say(stage.player.remark)
    with stage.twin(kept_before) as twin:
        comparison, trials, is_disturbed = _compare(stage, {"a": twin, "b": stage.player})
    contrasts = {figure.key: _contrast(comparison, figure) for figure in figures}
    _tell(stage, figures, contrasts, is_disturbed=is_disturbed)
    narrator.say(_noise_words(trials, comparison))
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


def _compare(stage: Stage, players: dict[Side, Player]) -> tuple[Comparison, list[tuple[Side, Trial]], bool]:
    """Run the trials; answer the comparison, all of them in order, and whether every pair was disturbed."""
    options, narrator, script = stage.options, stage.narrator, stage.cast.script
    trials: list[tuple[Side, Trial]] = []
    for number, player in enumerate(players.values()):
        narrator.progress(number / 2, "filling the buffers of both")
        player.fill_buffers()
    for number, player in enumerate(players.values()):
        narrator.progress(number / 2, "warming both up")
        player.load(options.clients).run(min(_WARM_UP_S, options.trial_seconds))

    def trial(side: Side) -> Trial:
        count = 2 * options.pairs
        narrator.progress(
            len(trials) / count, f"trial {len(trials) + 1}: {'before' if side == 'a' else 'after'}"
        )
        player = players[side]
        if script.before_trial:
            player.ask(script.before_trial)
        measured = run_trial(
            player.load(options.clients).run,
            player.ask,
            seconds=options.trial_seconds,
            warm_up=WarmUp(limit_s=0),
            source=script.source,
        )
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
    stage: Stage, figures: Sequence[Figure], contrasts: dict[str, Contrast], *, is_disturbed: bool
) -> None:
    narrator = stage.narrator
    head = ("median", "before", "after", "change", "95% interval", "CV", "detects", "verdict")
    rows = [_row(figure, contrasts[figure.key], is_disturbed=is_disturbed) for figure in figures]
    narrator.table(head, rows, "lrrrrrr")
    narrator.say(
        "CV: scatter of the trials before / after. Interval and verdict are of the pairs. Detects: the "
        "smallest change that the trials could have told from none without their pairing."
    )
    for figure in (LOAD_FIGURES[0], stage.cast.script.counters[0]):
        contrast = contrasts[figure.key]
        narrator.say(f"{figure.label}:")
        narrator.bars(
            [
                (name, side.median, amount(side.median, figure.digits))
                for name, side in (("before", contrast.a), ("after", contrast.b))
            ]
        )
    narrator.say(_judgement(contrasts["tps"], is_disturbed=is_disturbed))
    for figure in figures:
        if figure.is_counter and (words := _counter_words(figure, contrasts[figure.key])):
            narrator.say(words)


def _row(figure: Figure, contrast: Contrast, *, is_disturbed: bool) -> tuple[str, ...]:
    a, b = contrast.a, contrast.b
    is_relative = _is_relative(contrast)
    is_judged = figure.is_counter or not is_disturbed
    return (
        figure.label,
        amount(a.median, figure.digits),
        amount(b.median, figure.digits),
        change(contrast.change if is_relative else _change_of_medians(contrast)),
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


def _change_of_medians(contrast: Contrast) -> float | None:
    """Answer the change from one median to the other, None from nothing: no pair can change it further."""
    return contrast.b.median / contrast.a.median - 1 if contrast.a.median else None


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
