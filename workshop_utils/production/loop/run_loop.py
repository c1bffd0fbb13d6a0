"""The whole loop on one table: train, deploy, answer the rest by HTTP, watch, retrain, swap, and tell.

Everything lies in one folder and touches nothing else: a home, a store, a deployment of its own. Stopped
anywhere, the same command goes on with the first model that was trained and asks the rows anew.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from workshop_utils import __version__
from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write, locked
from workshop_utils.models.bundle import Bundle, read_card
from workshop_utils.models.metrics import wilson
from workshop_utils.models.training import TrainListener, TrainRequest, train_bundle
from workshop_utils.models.training.parts import MIN_JUDGED
from workshop_utils.models.training.request import ModelChoice
from workshop_utils.paths import shown
from workshop_utils.production.deployment import Told, pointed_version, promote, version_folder
from workshop_utils.production.loop.dated_table import (
    LABEL,
    TEXT,
    DatedColumns,
    DatedTable,
    DividedTable,
    divide_table,
    read_dated_table,
    table_as_json_lines,
    told_time,
    write_table,
)
from workshop_utils.production.loop.loop_report import LoopPeriod, LoopReport, LoopRetraining, LoopWorth
from workshop_utils.production.loop.periods import Period, PeriodUnit, make_periods
from workshop_utils.production.loop.service_replay import AnsweredRow, ServiceReplay
from workshop_utils.production.monitoring import MonitoringReport, default_state, monitor_store, what_to_do
from workshop_utils.production.policy import DataPolicy, Policy
from workshop_utils.production.retraining import (
    PairedAnswers,
    RetrainRequest,
    RetrainTools,
    paired_gain,
    promote_by_evidence,
    retrain,
    train_here,
    train_in_process,
)
from workshop_utils.production.service_process import ServiceProcess
from workshop_utils.production.store import Store, open_store

#: What a loop makes in its folder; nothing else is ever removed there.
KEY: Final = "loop-key.txt"
_MADE = ("deployment", "monitoring", "retraining", "loop.html", "loop.json", "service.log")
_MODEL = ("model", "model.html", "train.jsonl", "frozen.jsonl")
_STORE = ("store.db", "store.db-wal", "store.db-shm")
#: So many answers over HTTP are compared with those of the bundle.
_COMPARED = 500


@dataclass(frozen=True)
class LoopRequest:
    """What somebody asks for.

    Attributes:
        source: the table. columns: its columns. folder: of the loop.
        policy: what is tolerated and enough; the tables that it names are replaced by those of the loop.
        until: rows before this are learned from; None: the ``train_share`` of the oldest.
        model: what to train. rows: at most so many of the table. seed: of all random steps.
        label_share: of the rows that are asked, so many get a true label, drawn at random.
        label_days: so many days of the table's time after its row. period: how often somebody looks.
        by: who decides, for the history.
    """

    source: Path
    columns: DatedColumns
    folder: Path
    policy: Policy = field(default_factory=Policy)
    until: datetime | None = None
    train_share: float = 0.5
    model: ModelChoice = "tfidf"
    rows: int | None = None
    seed: int = 0
    label_share: float = 0.3
    label_days: float = 7.0
    period: PeriodUnit = "auto"
    by: str = "workshop loop"


@dataclass(frozen=True)
class LoopListener:
    """Who hears how it goes: sentences, the share of a step that is done, each period that has ended."""

    say: Callable[[str], None]
    progress: Callable[[str, float], None]
    period: Callable[[LoopPeriod], None]


def run_loop(request: LoopRequest, listener: LoopListener) -> LoopReport:
    """Run it and return what came of it; nothing outside the folder is touched.

    Raises:
        WorkshopError: the table has no dates or too few rows for the policy, a step fails, the folder holds
            something else, or another loop runs there; one sentence each.
    """
    began = time.perf_counter()
    table = read_dated_table(request.source, request.columns, request.rows, request.seed)
    divided = divide_table(table, request.until, request.train_share, request.seed)
    periods = make_periods(divided.later, request.period)
    _refuse_too_few(request, divided, periods)
    folder = request.folder.resolve()
    refuse_foreign(folder)
    folder.mkdir(parents=True, exist_ok=True)
    busy = f"Another loop is running in {folder.name}; wait for its end, or choose another --home."
    with locked(folder / ".lock", busy), _apart(folder):
        for note in _told(table, divided):
            listener.say(note)
        _clear(folder, _key(request, divided))
        policy = _with_tables(request.policy, folder, divided)
        first = _first_model(request, folder, divided, listener)
        trained = time.perf_counter()
        deployment = folder / "deployment"
        promote(first, deployment, Told(request.by, "the first model"))
        with ServiceProcess(
            deployment=deployment, home=folder, options=["--store-texts", "--storage", "durable"]
        ) as service:
            store = open_store()
            store.prepare()
            with closing(store):
                loop = _Loop(request, policy, store, service, listener, Bundle.load(first), divided.cut)
                listener.say(
                    f"The service answers at {service.url}: {len(divided.later):,} rows from "
                    f"{told_time(divided.cut)} on, in {len(periods)} periods."
                )
                found = loop.all_of(periods)
        seconds = loop.seconds | {"training the first model": trained - began}
        seconds["all"] = time.perf_counter() - began
        return _report(request, table, divided, loop, found, seconds)


class _Loop:
    """One pass through the periods."""

    def __init__(
        self,
        request: LoopRequest,
        policy: Policy,
        store: Store,
        service: ServiceProcess,
        listener: LoopListener,
        first: Bundle,
        began: datetime,
    ) -> None:
        self._request, self._policy, self._store, self._listener = request, policy, store, listener
        self.first = first
        self._deployment = request.folder.resolve() / "deployment"
        self.replay = ServiceReplay(
            service.url,
            service.token,
            request.label_share,
            timedelta(days=request.label_days),
            request.seed,
            labelled_by=f"the column {request.columns.label}"[:100],
        )
        self.answered: list[list[AnsweredRow]] = []
        self.never: list[np.ndarray] = []
        self.compared = self.same = 0
        self.seconds = dict.fromkeys(("answering", "monitoring", "retraining", "never retrained"), 0.0)
        self._first_version = self._champion()
        self._made = {self._first_version: began}

    def all_of(self, periods: Sequence[Period]) -> list[LoopPeriod]:
        """Every period: its rows are answered, labels arrive, somebody looks, and acts."""
        rows, done = sum(len(each.rows) for each in periods), 0

        def progress(more: int) -> None:
            nonlocal done
            done += more
            self._listener.progress("answering", done / rows)

        found = []
        with closing(self.replay):
            for period in periods:
                found.append(self._one(period, progress))
                self._listener.period(found[-1])
        return found

    def _one(self, period: Period, progress: Callable[[int], None]) -> LoopPeriod:
        from threadpoolctl import threadpool_limits  # of the extra for training

        before, version = self.replay.delivered, self._champion()
        with self._timed("answering"):
            answered = self.replay.answer(period.rows, progress)
            self.replay.deliver(period.end)
        if not answered:
            raise WorkshopError(f"The service took no row of {period.name}: {self.replay.refused[-1][1]}")
        with self._timed("monitoring"):
            look = monitor_store(
                self._store,
                version_folder(self._deployment, version),
                self._policy,
                default_state(version),
            )
        with self._timed("retraining"), threadpool_limits(1, user_api="blas"):  # small matrices
            retraining = self._judge_shadow(period.end) or self._retrain(look, version, period.end)
        with self._timed("never retrained"):
            never = self._first_answers(answered)
        self.answered.append(answered)
        self.never.append(never)
        truth = np.array([each.row.label for each in answered], dtype=object)
        return LoopPeriod(
            name=period.name,
            start=period.start,
            end=period.end,
            rows=len(answered),
            version=version,
            accuracy=wilson(sum(each.correct for each in answered), len(answered)),
            first=wilson(int((never == truth).sum()), len(answered)),
            labels=self.replay.delivered - before,
            labels_known=look.labels,
            verdict=look.verdict,
            reason=look.reason,
            alarms=tuple(alarm.name for alarm in look.alarms),
            runbooks=tuple(alarm.runbook for alarm in look.alarms),
            to_do=what_to_do(look),
            retraining=retraining,
        )

    def _judge_shadow(self, now: datetime) -> LoopRetraining | None:
        """What `workshop promote --shadow` does where the policy asks for it; None where no challenger is."""
        if self._policy.retraining.approval != "shadow":
            return None
        judged = promote_by_evidence(self._store, self._deployment, self._policy, self._request.by)
        if judged.outcome == "nothing" or judged.challenger is None:
            return None
        if judged.outcome == "refused":
            return LoopRetraining("challenger", judged.reason, judged.challenger)
        reason = f"{judged.challenger} is the champion. {judged.reason}"
        return LoopRetraining(
            "promoted", reason, judged.challenger, swap_seconds=self._swapped(judged.challenger, now)
        )

    def _swapped(self, version: str, now: datetime) -> float:
        """The running service answers with it; seconds that this took."""
        self._made[version] = now
        return self.replay.wait_for(version)

    def _retrain(self, look: MonitoringReport, champion: str, now: datetime) -> LoopRetraining:
        """What `workshop retrain` does after such a look; the running service takes what was promoted."""
        card = read_card(version_folder(self._deployment, champion))
        age = now - self._made[champion]  # in the table's time
        tools = RetrainTools(
            trainer=train_here if card.kind == "tfidf" else train_in_process,
            monitor=lambda *_, **__: look,
            now=lambda: datetime.fromisoformat(card.created) + age,
            say=lambda sentence: None,
        )
        request = RetrainRequest(self._deployment, self._policy, by=self._request.by, seed=self._request.seed)
        came = retrain(request, self._store, tools)
        swap = None
        if came.outcome == "promoted" and came.version is not None:
            swap = self._swapped(came.version, now)
        if came.outcome == "challenger" and came.version is not None:
            self.replay.wait_for(came.version, shadow=True)
        checks = () if came.gate is None else came.gate.checks
        return LoopRetraining(
            outcome=came.outcome,
            reason=came.reason,
            version=came.version,
            trained=came.gate is not None,
            learned=came.labels_learned,
            held_out=came.labels_held_out,
            labels_missing=came.labels_missing,
            checks=tuple((check.passed, check.sentence) for check in checks),
            seconds=came.seconds,
            swap_seconds=swap,
        )

    def _first_answers(self, answered: Sequence[AnsweredRow]) -> np.ndarray:
        """What the first model says, shape (n,): its answers over HTTP, and offline to later models' rows."""
        said = np.array([each.label for each in answered], dtype=object)
        own = np.array([each.model_version == self._first_version for each in answered], dtype=bool)
        checked = np.flatnonzero(own)[: max(0, _COMPARED - self.compared)]
        asked = np.concatenate([checked, np.flatnonzero(~own)])
        if not len(asked):
            return said
        texts = [answered[row].row.text for row in asked]
        shares = self.first.predict_proba(texts)
        labels = np.array(self.first.labels, dtype=object)[shares.argmax(axis=1)]
        self.compared += len(checked)
        self.same += sum(
            answered[row].label == label and answered[row].probabilities == tuple(map(float, one))
            for row, label, one in zip(checked, labels, shares, strict=False)
        )
        said[asked[len(checked) :]] = labels[len(checked) :]
        return said

    def _champion(self) -> str:
        return pointed_version(self._deployment) or ""

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - began


def _refuse_too_few(request: LoopRequest, divided: DividedTable, periods: Sequence[Period]) -> None:
    """Could the policy ever say anything, and could a retraining ever begin?"""
    end, delay = periods[-1].end, timedelta(days=request.label_days)
    in_time = sum(end - row.time >= delay for row in divided.later)
    expected = round(request.label_share * in_time)
    policy = request.policy
    held = policy.gate.fewest_recent / policy.retraining.holdout_share
    wanted = max(policy.performance.fewest_labels, policy.retraining.fewest_labels, round(held))
    if expected < wanted:
        raise WorkshopError(
            f"The {len(divided.later):,} rows from {told_time(divided.cut)} on would bring about "
            f"{expected:,} labels, and the policy asks for {wanted:,} before a model can be judged and "
            "retrained: use more rows, an earlier --until, a larger --label-share, fewer --label-days, or a "
            "policy that asks for fewer (--policy)."
        )


def refuse_foreign(folder: Path) -> None:
    """Nothing that is not a loop's is ever removed.

    Raises:
        WorkshopError: ``folder`` is a file, or is not empty and no loop's.
    """
    if folder.exists() and not folder.is_dir():
        raise WorkshopError(f"{folder} is a file; name a folder for --home.")
    if not folder.is_dir() or (folder / KEY).exists():
        return
    if others := sorted(path.name for path in folder.iterdir() if path.name != ".lock"):
        raise WorkshopError(
            f"{folder} holds {others[0]} and is no folder of a loop; choose an empty one for --home."
        )


@contextmanager
def _apart(folder: Path) -> Iterator[None]:
    """A home, a store and a registry of the loop's own: what somebody serves elsewhere is not touched."""
    names = ("WORKSHOP_HOME", "WORKSHOP_DATABASE_URL", "MLFLOW_TRACKING_URI")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["WORKSHOP_HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["WORKSHOP_HOME"]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _key(request: LoopRequest, divided: DividedTable) -> str:
    """Of all that the first model depends on."""
    reference = request.policy.retraining.reference
    whole = sha256(f"{request.model} {request.seed} {reference} {__version__}\n".encode())
    for part in (divided.train, divided.frozen):
        whole.update(table_as_json_lines(part).encode("ascii") + b"\n")
    return whole.hexdigest()


def _clear(folder: Path, key: str) -> None:
    """Take away what an earlier loop left; its first model stays where this one would train the same."""
    path = folder / KEY
    same = path.exists() and path.read_text(encoding="utf-8").strip() == key
    names = [*_MADE, *_STORE] if same else [*_MADE, *_STORE, *_MODEL]
    for name in names:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    atomic_write(path, key + "\n")


def _with_tables(policy: Policy, folder: Path, divided: DividedTable) -> Policy:
    """The policy with the loop's tables; its labels are a random share, months of them come in seconds."""
    train = write_table(folder / "train.jsonl", divided.train)
    frozen = write_table(folder / "frozen.jsonl", divided.frozen)
    data = DataPolicy(table=str(train), frozen_test=str(frozen), text_column=TEXT, label_column=LABEL)
    performance = policy.performance.model_copy(update={"labels": "all", "flood_labels": 0})
    shadow = policy.shadow.model_copy(update={"labels": "all"})
    return policy.model_copy(update={"data": data, "performance": performance, "shadow": shadow})


def _first_model(request: LoopRequest, folder: Path, divided: DividedTable, listener: LoopListener) -> Path:
    """As ``workshop train`` makes it; or the one that a stopped run has made."""
    bundle = folder / "model"
    if bundle.is_dir():
        listener.say("The first model is there already: the same table, options and version.")
        return bundle
    judged = folder / "frozen.jsonl" if len(divided.frozen[0]) >= MIN_JUDGED else None
    wanted = TrainRequest(
        folder / "train.jsonl",
        bundle,
        TEXT,
        LABEL,
        request.model,
        judged,
        seed=request.seed,
        reference=request.policy.retraining.reference,
    )
    train_bundle(wanted, TrainListener(lambda sentence: None, listener.progress))
    return bundle


def _told(table: DatedTable, divided: DividedTable) -> list[str]:
    """What was found in the table, and how it is divided."""
    rows = table.rows
    notes = [
        *table.notes,
        f"{len(rows):,} rows from {told_time(rows[0].time)} to {told_time(rows[-1].time)}. Before "
        f"{told_time(divided.cut)}: {len(divided.train[0]):,} texts to learn from and "
        f"{len(divided.frozen[0]):,} as a frozen test set; {len(divided.later):,} rows are asked.",
        *divided.notes,
    ]
    if divided.known:
        notes.append(
            f"{divided.known:,} of the rows that are asked have a text that stands before them, too."
        )
    return notes


def _report(
    request: LoopRequest,
    table: DatedTable,
    divided: DividedTable,
    loop: _Loop,
    periods: Sequence[LoopPeriod],
    seconds: dict[str, float],
) -> LoopReport:
    answered = [each for rows in loop.answered for each in rows]
    truth = np.array([each.row.label for each in answered], dtype=object)
    said = np.array([each.label for each in answered], dtype=object)
    never = np.concatenate(loop.never)
    by_later = np.array([each.model_version != periods[0].version for each in answered], dtype=bool)
    worth = None
    if by_later.any():
        pairs = PairedAnswers(*(column[by_later].astype(str) for column in (truth, never, said)))
        found = paired_gain(pairs, "accuracy", seed=request.seed)
        worth = LoopWorth(int(by_later.sum()), found.after, found.before, found.gain)
    facts = (
        ("table", table.name),
        (
            "columns",
            f"{table.columns.text} (text), {table.columns.label} (label), {table.columns.date} (date)",
        ),
        ("model", request.model),
        (
            "labels",
            f"{100 * request.label_share:g} % of the rows, {request.label_days:g} days after their text",
        ),
        ("random seed", str(request.seed)),
    )
    return LoopReport(
        table=table.name,
        facts=facts,
        notes=tuple(_told(table, divided)),
        cut=divided.cut,
        trained_on=len(divided.train[0]),
        frozen=len(divided.frozen[0]),
        expected=loop.first.card.metrics["accuracy"],
        accuracy=wilson(int((said == truth).sum()), len(answered)),
        first=wilson(int((never == truth).sum()), len(answered)),
        periods=tuple(periods),
        worth=worth,
        delivered=loop.replay.delivered,
        unknown_labels=loop.replay.unknown,
        refused=len(loop.replay.refused),
        asked_again=loop.replay.asked_again,
        compared=loop.compared,
        same=loop.same,
        seconds={name: round(value, 1) for name, value in seconds.items()},
        deployment=shown(request.folder.resolve() / "deployment"),
    )
