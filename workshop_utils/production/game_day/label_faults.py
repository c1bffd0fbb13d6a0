"""Faults of what people tell about the model: a table with wrong rows, and thousands of labels at once."""

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write
from workshop_utils.production.game_day.fault import Fault, SeenAlarm
from workshop_utils.production.game_day.stage import Stage
from workshop_utils.production.store import new_prediction_id

_ROWS, _WRONG, _FLOOD = 150, 10, 2048
_ONLY_DRAWN = '[performance]\nlabels = "drawn"\n'


class WrongRows(Fault):
    """A spreadsheet was sorted in one column only, and some names and labels were misspelt."""

    name, runbook = "wrong rows", "labels-not-taken"
    caused = (
        f"a table of {_ROWS} labels that are shifted by one row, with {_WRONG} names of no prediction and "
        f"{_WRONG} misspelt labels behind them"
    )
    beside = frozenset({"errors-have-risen", "concept-has-changed"})

    def cause(self, stage: Stage) -> None:
        """Let the service answer reviews, and bring the table."""
        reviews = stage.reviews.take(_ROWS)
        names = stage.ask([review.text for review in reviews])
        self._right = [(name, review.label) for name, review in zip(names, reviews, strict=True)]
        labels = [label for _, label in self._right]
        shifted = list(zip(names, [*labels[1:], labels[0]], strict=True))
        unknown = [(new_prediction_id(), labels[0]) for _ in range(_WRONG)]
        misspelt = [(name, f"{label}e") for name, label in self._right[:_WRONG]]
        self._told = stage.label("labels.csv", [*shifted, *unknown, *misspelt], "anna").told

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What the command says of the rows, and what the shifted ones make of the verdict."""
        looked = stage.monitor()
        if looked.code != 11:
            raise WorkshopError(f"Shifted labels are no alarm: {looked.told}")
        return [SeenAlarm("workshop feedback, then monitor", f"{self._told}\n{looked.told}")]

    def mend(self, stage: Stage) -> str:
        """Correct them."""
        stage.label("corrected.csv", self._right, "anna")
        looked = stage.monitor()
        if looked.code == 11:
            raise WorkshopError(f"After the correction: {looked.told}")
        verdict = looked.told.partition(":")[0]
        return f"`workshop feedback corrected.csv`; the verdict is {verdict}, no longer harmful"


class FloodOfLabels(Fault):
    """A program that has the token says of thousands of texts that they are of one label."""

    name, runbook = "label flood", "label-flood"
    caused = f"one program gave {_FLOOD:,} labels in a moment, all of them the same"
    beside = frozenset({"errors-have-risen", "concept-has-changed", "inputs-have-changed"})  # many copies

    def cause(self, stage: Stage) -> None:
        """Let the service answer texts, and label them all."""
        names = stage.ask(stage.reviews.texts(_FLOOD))
        label = stage.materials.quiet[0].label
        done = stage.label("flood.csv", [(name, label) for name in names], "a program")
        if done.code:
            raise WorkshopError(done.told)

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What monitoring says."""
        return [SeenAlarm("workshop monitor", stage.monitor().told)]

    def mend(self, stage: Stage) -> str:
        """Count labels of drawn texts only."""
        policy = atomic_write(stage.folder / "drawn.toml", _ONLY_DRAWN)
        looked = stage.monitor("--policy", policy)
        if looked.code == 11 or "Alarm: labels" in looked.told:
            raise WorkshopError(f"With labels of drawn texts only: {looked.told}")
        return f'`labels = "drawn"` in the policy; the verdict is {looked.told.partition(":")[0]}'
