"""All that the dashboard shows, read from store and deployment with bounded work; no HTML, no HTTP."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.metrics import Interval
from workshop_utils.production.dashboard.happenings import MONITOR, Happening, happenings_of
from workshop_utils.production.dashboard.rolling import RollingPoint, rolling_points
from workshop_utils.production.dashboard.time_axis import Span, TimeAxis, axis_of, bounds_of
from workshop_utils.production.deployment import (
    DeploymentHistory,
    PointerName,
    live_pointers,
    read_history,
)
from workshop_utils.production.monitoring import DetectorEvidence, evidence_of_details
from workshop_utils.production.policy import Policy
from workshop_utils.production.shadow import evidence_words, shadow_evidence
from workshop_utils.production.store import (
    Decision,
    ScoredText,
    Store,
    StoreUnavailable,
    TimeRange,
    VersionUse,
    decision_details,
    last_prediction,
    latencies_over_time,
    least_probabilities,
    newest_decisions,
    scored_texts,
    some_labels,
    time_range,
    version_use,
)

_log = logging.getLogger(__name__)

#: About so many labels are read at most, of more than that an even share.
MOST_LABELS: Final = 4_000
#: So many decisions are read, the newest ones.
_MOST_DECISIONS = 2_000
_SHARES = (0.5, 0.95, 0.99)
_LATEST = 5


@dataclass(frozen=True, slots=True)
class Look:
    """One look of ``workshop monitor``, as it was recorded.

    Attributes:
        number: of the decision. outcome: the verdict. reason: why. model_version: which model was looked at.
        detectors: the evidence of each; empty for a look whose details were not read.
        alarms: name, sentence and runbook of each.
        accuracy, macro_f1: over all labels that counted then; None where there were none.
        tolerated: share of errors that is tolerated. labels: that counted.
    """

    number: int
    time: datetime
    outcome: str
    reason: str
    model_version: str
    detectors: tuple[DetectorEvidence, ...] = ()
    alarms: tuple[tuple[str, str, str], ...] = ()
    accuracy: Interval | None = None
    macro_f1: Interval | None = None
    tolerated: float | None = None
    labels: int = 0


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Latencies of a bucket in milliseconds, over ``measured`` predictions that were read."""

    p50: float
    p95: float
    p99: float
    measured: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What is known of one service's model.

    Attributes:
        made_at: when this was read. span: what was asked for.
        axis: None where nothing has happened yet.
        predictions: in the store. elsewhere: of these, how many bear a time outside of the axis.
        latest: the last predictions, without their texts; the newest one first.
        uses: the models that have answered; the last one answered last.
        latencies: of each bucket; None where nobody measured.
        rolling: accuracy and macro-F1 over time. labels_one_in: of how many labels one was read for them.
        looks: one for each bucket in which somebody looked, with its evidence, and the newest one.
        verdicts: every change of the verdict, with its time.
        newest: the look that was recorded last; None where nobody has looked.
        happenings: pointers that moved, and decisions.
        pointers: what the deployment names as current, challenger and waiting.
        challenger: its evidence; None where none stands in the shadow. challenger_words: in a sentence.
        policy: of the newest look, or the default one.
        notes: sentences on what could not be read.
    """

    made_at: datetime
    span: Span
    axis: TimeAxis | None
    predictions: int
    elsewhere: int
    latest: tuple[ScoredText, ...]
    uses: tuple[VersionUse, ...]
    latencies: tuple[Percentiles | None, ...]
    rolling: tuple[RollingPoint, ...]
    labels_one_in: int
    looks: tuple[Look, ...]
    verdicts: tuple[Look, ...]
    newest: Look | None
    happenings: tuple[Happening, ...]
    pointers: Mapping[PointerName, str | None]
    challenger: DetectorEvidence | None
    challenger_words: str
    policy: Policy
    notes: tuple[str, ...]

    @property
    def volume(self) -> tuple[int, ...]:
        """Predictions in each bucket."""
        return tuple(map(sum, zip(*(use.by_bucket for use in self.uses), strict=True)))


def read_dashboard(
    store: Store | None,
    deployment: Path | None,
    now: datetime,
    span: Span = "all",
    also: Sequence[datetime] = (),
) -> Dashboard:
    """Read all of it. The work is bounded whatever the store holds; see docs/decisions/dashboard.md.

    Args:
        store: predictions, labels, decisions; None where the service keeps none.
        deployment: its folder; None where the service has one bundle.
        now: this moment, with a time zone.
        span: how far back to look.
        also: moments of requests that may have failed, to which the axis must reach.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    notes: list[str] = []
    decisions = newest_decisions(store, _MOST_DECISIONS) if store else []
    history, pointers = _deployed(deployment, notes)
    killed = history.unfinished(dict(pointers)) if pointers else set()
    happenings = happenings_of(history, killed, decisions)
    came = time_range(store) if store else None
    others = [*(each.time for each in happenings), *(each.time for each in decisions), *also]
    last = max([came.last, *(each for each in also if each <= now)]) if came else now
    bounds = bounds_of(span, now, (came.first, last) if came else None, others)
    axis = axis_of(*bounds) if bounds else None
    looks, verdicts, newest, policy = _looks(store, decisions, axis)
    uses, latencies = _used(store, axis, came)
    rolling, one_in = _rolling(store, axis, span, uses, policy)
    challenger, words = _challenger(store, deployment, pointers, policy, notes)
    predictions = came.predictions if came else 0
    return Dashboard(
        made_at=now,
        span=span,
        axis=axis,
        predictions=predictions,
        elsewhere=max(0, predictions - sum(use.predictions for use in uses)),
        latest=_latest(store) if store else (),
        uses=uses,
        latencies=latencies,
        rolling=rolling,
        labels_one_in=one_in,
        looks=looks,
        verdicts=verdicts,
        newest=newest,
        happenings=tuple(happenings),
        pointers=pointers,
        challenger=challenger,
        challenger_words=words,
        policy=policy,
        notes=tuple(notes),
    )


def _deployed(
    deployment: Path | None, notes: list[str]
) -> tuple[DeploymentHistory, Mapping[PointerName, str | None]]:
    if deployment is None:
        return DeploymentHistory((), ()), {}
    try:
        history = read_history(deployment)
    except WorkshopError as error:
        notes.append(str(error))
        history = DeploymentHistory((), ())
    if history.damaged:
        notes.append(
            f"Lines of the deployment's history that are damaged and left out: {len(history.damaged)}."
        )
    return history, live_pointers(deployment)


def _latest(store: Store) -> tuple[ScoredText, ...]:
    end = last_prediction(store)
    return tuple(scored_texts(store, max(0, end - _LATEST), end, texts=False))[::-1]


def _used(
    store: Store | None, axis: TimeAxis | None, came: TimeRange | None
) -> tuple[tuple[VersionUse, ...], tuple[Percentiles | None, ...]]:
    if store is None or axis is None or came is None:
        return (), ()
    uses = version_use(store, axis.edges)
    return uses, tuple(map(_percentiles, latencies_over_time(store, axis.edges, uses)))


def _percentiles(latencies: Sequence[float]) -> Percentiles | None:
    finite = [each for each in latencies if np.isfinite(each)]
    if not finite:
        return None
    p50, p95, p99 = np.quantile(finite, _SHARES).tolist()
    return Percentiles(p50, p95, p99, len(finite))


def _rolling(
    store: Store | None, axis: TimeAxis | None, span: Span, uses: Sequence[VersionUse], policy: Policy
) -> tuple[tuple[RollingPoint, ...], int]:
    if store is None or axis is None:
        return (), 1
    labels, one_in = some_labels(store, MOST_LABELS, None if span == "all" else axis.edges[0])
    classes = {use.version: use.labels for use in uses}
    known = [each for each in labels if each.model_version in classes]
    least = least_probabilities(store) if any(each.draw is not None for each in known) else {}
    counted, level = policy.performance.labels, policy.performance.level
    return rolling_points(known, axis, classes, least, counted, level), one_in


def _looks(
    store: Store | None, decisions: Sequence[Decision], axis: TimeAxis | None
) -> tuple[tuple[Look, ...], tuple[Look, ...], Look | None, Policy]:
    """The looks whose evidence is drawn, the changes of the verdict, the newest look, and its policy."""
    monitored = [each for each in decisions if each.kind == MONITOR]
    if store is None or not monitored:
        return (), (), None, Policy()
    last_of: dict[int, Decision] = {}
    for each in monitored:
        if axis is not None and (bucket := axis.bucket(each.time)) is not None:
            last_of[bucket] = each
    chosen = {each.number: each for each in [*last_of.values(), monitored[-1]]}
    details = decision_details(store, list(chosen))
    looks = [_readable_look(each, details.get(number, {})) for number, each in sorted(chosen.items())]
    changes = [
        _look(each, {})
        for number, each in enumerate(monitored)
        if not number
        or (each.outcome, each.model_version)
        != (monitored[number - 1].outcome, monitored[number - 1].model_version)
    ]
    return tuple(looks), tuple(changes), looks[-1], _policy(details.get(monitored[-1].number, {}))


def _readable_look(decision: Decision, details: Mapping[str, Any]) -> Look:
    """The look; without its details where they are those of another version of the course."""
    try:
        return _look(decision, details)
    except (AttributeError, KeyError, TypeError, ValueError):
        _log.info("The details of look %d are not of this version of the course.", decision.number)
        return _look(decision, {})


def _look(decision: Decision, details: Mapping[str, Any]) -> Look:
    performance = details.get("performance") or {}
    errors = performance.get("errors") or {}
    return Look(
        *(decision.number, decision.time, decision.outcome, decision.reason, decision.model_version or ""),
        detectors=evidence_of_details(details),
        alarms=tuple((each["name"], each["sentence"], each["runbook"]) for each in details.get("alarms", ())),
        accuracy=_interval(performance.get("accuracy")),
        macro_f1=_interval(performance.get("macro_f1")),
        tolerated=errors.get("tolerance"),
        labels=performance.get("counted") or 0,
    )


def _interval(told: Mapping[str, Any] | None) -> Interval | None:
    if told is None or told.get("value") is None:
        return None
    return Interval(told["value"], told["low"], told["high"])


def _policy(details: Mapping[str, Any]) -> Policy:
    """The policy that a look was made with; the default one where today's course does not know it."""
    try:
        return Policy.model_validate(details.get("policy", {}))
    except ValueError:
        _log.info("The policy of the newest look is not of this version of the course.")
        return Policy()


def _challenger(
    store: Store | None,
    deployment: Path | None,
    pointers: Mapping[PointerName, str | None],
    policy: Policy,
    notes: list[str],
) -> tuple[DetectorEvidence | None, str]:
    """The evidence that the challenger in the shadow is better."""
    if store is None or deployment is None or not pointers.get("challenger"):
        return None, ""
    try:
        found = shadow_evidence(store, deployment, policy.shadow.evidence, policy.shadow.labels)
    except StoreUnavailable:
        raise
    except WorkshopError as error:
        notes.append(f"The challenger's evidence cannot be told: {error}")
        return None, ""
    if found is None:
        return None, ""
    told = DetectorEvidence(
        f"{found.challenger} is better than {found.champion}",
        "challenger",
        found.evidence,
        found.limit,
        "better" if found.reached else "open",
        None,
    )
    return told, evidence_words(found)
