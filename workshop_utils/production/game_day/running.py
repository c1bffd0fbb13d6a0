"""One fault after the other, each on a stage of its own."""

import shutil
from collections.abc import Generator, Sequence
from pathlib import Path

from workshop_utils.files import locked
from workshop_utils.production.game_day.fault import Fault, FaultResult, run_fault
from workshop_utils.production.game_day.label_faults import FloodOfLabels, WrongRows
from workshop_utils.production.game_day.materials import make_materials
from workshop_utils.production.game_day.model_faults import BadBundle, SlowModel, TwoPromoters
from workshop_utils.production.game_day.service_faults import (
    DatabaseGone,
    DiskFull,
    ServiceKilled,
    TokenChanged,
)
from workshop_utils.production.game_day.text_faults import ClockJump, DriftedTexts, StaleModel

#: In the order in which they are caused.
FAULTS: tuple[type[Fault], ...] = (
    ServiceKilled,
    DiskFull,
    DatabaseGone,
    WrongRows,
    SlowModel,
    BadBundle,
    FloodOfLabels,
    ClockJump,
    DriftedTexts,
    StaleModel,
    TwoPromoters,
    TokenChanged,
)


def run_game_day(
    folder: Path, bundle: Path, faults: Sequence[type[Fault]] = FAULTS
) -> Generator[FaultResult, None, None]:
    """Cause these faults; yields what came of each as soon as it is known.

    Args:
        folder: emptied at the start and removed at the end; only the stages of faults that have not passed
            stay, to be looked at.
        bundle: the champion; it is trained where there is none.
        faults: which.

    Raises:
        WorkshopError: another game day uses the folder, or no champion can be trained.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(
        folder.with_name(f".{folder.name}.lock"), f"Another game day uses {folder.name}; let it end."
    ):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        kept = False
        try:
            materials = make_materials(folder, bundle)
            for fault in faults:
                stage = folder / fault.name.replace(" ", "_")
                result = run_fault(fault(), materials, stage)
                if result.passed or result.skipped:
                    shutil.rmtree(stage, ignore_errors=True)
                else:
                    kept = True
                yield result
        finally:
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)
