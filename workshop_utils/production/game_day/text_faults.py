"""Faults of the world outside: a wrong clock, new subjects, words that mean something else by now."""

from datetime import UTC, datetime, timedelta

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment import pointed_version
from workshop_utils.production.game_day.fault import Fault, SeenAlarm
from workshop_utils.production.game_day.stage import Stage
from workshop_utils.production.policy import CLASSROOM_POLICY
from workshop_utils.production.store import Prediction, add_predictions, new_prediction_id, open_store

_AHEAD, _AHEAD_TEXTS, _NEWER_TEXTS = timedelta(days=2), 60, 256
_BY = "anna"


class ClockJump(Fault):
    """A replica whose clock runs ahead writes into the same store."""

    name, runbook = "clock jump", "clock-jumped"
    caused = (
        f"{_AHEAD_TEXTS} predictions came into the store as a replica writes them whose clock is two days "
        "ahead: by their times, since no program may set this machine's clock"
    )

    def cause(self, stage: Stage) -> None:
        """Write them."""
        model = Bundle.load(stage.materials.bundle, threads=1)
        time, texts = datetime.now(UTC) + _AHEAD, stage.reviews.texts(_AHEAD_TEXTS)
        store = open_store(stage.database)
        add_predictions(
            store,
            [
                Prediction(
                    prediction_id=new_prediction_id(),
                    model_version=stage.champion,
                    labels=tuple(model.labels),
                    text=text,
                    label=model.labels[int(shares.argmax())],
                    probabilities=tuple(map(float, shares)),
                    route="/predict",
                    infer_ms=1.0,
                    time=time + timedelta(seconds=number),
                )
                for number, (text, shares) in enumerate(zip(texts, model.predict_proba(texts), strict=True))
            ],
            store_texts=True,
        )
        store.close()

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What monitoring says."""
        return [SeenAlarm("workshop monitor", stage.monitor().told)]

    def mend(self, stage: Stage) -> str:
        """The clock is right again: newer predictions have the right time."""
        stage.ask(stage.reviews.texts(_NEWER_TEXTS))

        def looked() -> str:
            told = stage.monitor().told
            return told if "Alarm: clock" not in told else ""

        stage.until(looked, "an end of the alarm")
        return (
            f"after {_NEWER_TEXTS} predictions with the right time the alarm is over; no verdict rested on it"
        )


class DriftedTexts(Fault):
    """People write about new subjects."""

    name, runbook = "drift", "inputs-have-changed"
    caused = "the reviews of March 2026 came, whose subjects and words are new"
    beside = frozenset({"answers-have-changed"})

    def cause(self, stage: Stage) -> None:
        """Post them."""
        self._names = stage.ask([review.text for review in stage.materials.drifted])

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What monitoring says."""
        looked = stage.monitor("--policy", CLASSROOM_POLICY)
        if looked.code != 10:
            raise WorkshopError(f"New subjects are not mild: {looked.told}")
        return [SeenAlarm("workshop monitor", looked.told)]

    def mend(self, stage: Stage) -> str:
        """Buy labels; they say that the errors are tolerable, so the model stays."""
        reviews = stage.materials.drifted
        rows = [(name, review.label) for name, review in zip(self._names, reviews, strict=True)]
        stage.label("labels.csv", rows, _BY)
        looked = stage.monitor("--policy", CLASSROOM_POLICY)
        if looked.code != 10:
            raise WorkshopError(f"With labels: {looked.told}")
        return f"{len(rows)} labels were bought: the errors are tolerated, so the model stays"


class StaleModel(Fault):
    """A new community has come; its words mean something else, and people's labels say so."""

    name, runbook = "stale model", "errors-have-risen"
    caused = (
        "the reviews of May to July 2026 came with their true labels; old words mean something else there"
    )
    beside = frozenset({"inputs-have-changed", "answers-have-changed", "concept-has-changed"})

    def cause(self, stage: Stage) -> None:
        """Post them, and bring the labels."""
        reviews = stage.materials.turned
        names = stage.ask([review.text for review in reviews])
        stage.label("labels.csv", [(n, review.label) for n, review in zip(names, reviews, strict=True)], _BY)
        tables = f'[data]\ntable = "{stage.materials.table.resolve().as_posix()}"\n'
        tables += f'frozen_test = "{stage.materials.frozen.resolve().as_posix()}"\n'
        classroom = CLASSROOM_POLICY.read_text(encoding="utf-8")
        for part, setting in (("[retraining]", "weights = [5]"), ("[gate]", "latency_factor = 10.0")):
            classroom = classroom.replace(
                f"{part}\n", f"{part}\n{setting}\n"
            )  # quick, also on a busy machine
        self._policy = atomic_write(stage.folder / "policy.toml", tables + classroom)

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What the watch tells people."""
        looked = stage.workshop("watch", "--once", "--deployment", stage.deployment, "--policy", self._policy)
        return [SeenAlarm("workshop watch", looked.told)]

    def mend(self, stage: Stage) -> str:
        """Retrain; the service follows the new champion."""
        done = stage.workshop("retrain", "--deployment", stage.deployment, "--policy", self._policy)
        if done.code:
            raise WorkshopError(f"`workshop retrain` ended with {done.code}: {done.told}")
        version = pointed_version(stage.deployment) or ""
        if version == stage.champion:
            raise WorkshopError("`workshop retrain` promoted nothing.")
        stage.until(lambda: stage.serves(version), "the new champion")
        gained = done.told.splitlines()[-1].rpartition(": ")[2]
        return f"`workshop retrain`; the challenger passed the gate and answers now: {gained}"
