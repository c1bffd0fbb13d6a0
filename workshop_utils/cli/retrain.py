"""``workshop retrain`` and ``replay``: a challenger behind a gate, and a past decision made again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workshop_utils.cli.console import console
from workshop_utils.cli.extras import NEEDED_TO_JUDGE, need
from workshop_utils.cli.user import user_name
from workshop_utils.errors import WorkshopError
from workshop_utils.production.runbooks import CHALLENGER_REFUSED

if TYPE_CHECKING:
    from workshop_utils.production.retraining import RetrainOutcome

app = typer.Typer()

Folder = Annotated[
    Path | None,
    typer.Option("--deployment", help="The deployment folder; by default deployment under WORKSHOP_HOME."),
]
_NOTHING_TO_DO, _REFUSED = 3, 4


@app.command()
def retrain(
    policy: Annotated[
        Path | None, typer.Option(help="The policy file; its part [data] names the tables.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Train now, for this reason; by default only if need be.")] = "",
    deployment: Folder = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all random steps.")] = 0,
    by: Annotated[str, typer.Option(help="Who decides; by default you.")] = "",
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write all that was found to this file.")
    ] = None,
) -> None:
    """Train a challenger where there is a reason, and promote it if the gate lets it through.

    Exit code 0: it was promoted, or waits, or scores in the shadow, as the policy says; 3: nothing to do, and
    why; 4: the gate refused it, and why; 1: an error. In all of them a whole champion is served. Stopped
    anywhere, the same command goes on.
    """
    need("workshop retrain", "train", NEEDED_TO_JUDGE)
    from workshop_utils.cli.results import say
    from workshop_utils.files import atomic_write
    from workshop_utils.paths import home
    from workshop_utils.production.policy import read_policy
    from workshop_utils.production.retraining import RetrainRequest, RetrainTools
    from workshop_utils.production.retraining import retrain as retrain_champion
    from workshop_utils.production.store import open_store

    request = RetrainRequest(
        deployment or home() / "deployment",
        read_policy(policy),
        reason.strip(),
        by or user_name("workshop retrain"),
        seed,
    )
    store = open_store()
    store.prepare()
    try:
        outcome = retrain_champion(request, store, RetrainTools(say=say))
    except KeyboardInterrupt:
        console.print("Stopped. The champion is as it was; the same command goes on.")
        raise typer.Exit(130) from None
    finally:
        store.close()
    if as_json is not None:
        atomic_write(as_json, json.dumps(outcome.to_dict(), indent=2) + "\n")
    _tell(outcome)
    if outcome.outcome == "nothing":
        raise typer.Exit(_NOTHING_TO_DO)
    if outcome.outcome == "refused":
        raise typer.Exit(_REFUSED)


@app.command()
def replay(
    decision: Annotated[int, typer.Argument(min=1, help="Its number in the store.")],
    deployment: Folder = None,
) -> None:
    """Make a past decision of `monitor`, `retrain` or `promote --shadow` again, by what was known then.

    Exit code 0: the same verdict; 1: another one, or something is missing, and what.
    """
    need("workshop replay", "train", NEEDED_TO_JUDGE)
    from workshop_utils.cli.results import say
    from workshop_utils.paths import home
    from workshop_utils.production.retraining import replay_decision
    from workshop_utils.production.store import open_store

    store = open_store()
    store.prepare()
    try:
        found = replay_decision(store, decision, (deployment or home() / "deployment").resolve())
    finally:
        store.close()
    say(
        f"Decision {decision} of {found.decision.time:%Y-%m-%d %H:%M}: {found.decision.outcome}. "
        f"{found.decision.reason}"
    )
    if found.missing:
        raise WorkshopError(f"It cannot be replayed: {' '.join(found.missing)}")
    if found.differences:
        raise WorkshopError(f"Another verdict now: {' '.join(found.differences)}")
    say("Replayed: the same verdict.")


def _tell(outcome: "RetrainOutcome") -> None:
    """What came of it and why, check by check."""
    from workshop_utils.cli.results import say

    if outcome.gate is not None:
        for check in outcome.gate.checks:
            say(f"  {'pass' if check.passed else 'FAIL'}  {check.sentence}", None if check.passed else "red")
        say(
            f"It learned from {outcome.labels_learned:,} labels and was judged by {outcome.labels_held_out:,}"
            f", in {outcome.seconds:.0f} seconds (decision {outcome.decision})."
        )
    sentence = {
        "promoted": f"{outcome.version} is the champion; before it was {outcome.champion}.",
        "waiting": f"{outcome.version} waits for `workshop promote --approve`.",
        "challenger": f"{outcome.version} scores in the shadow of {outcome.champion}.",
        "refused": f"Refused; {outcome.champion} stays the champion.",
        "nothing": "Nothing to do.",
    }[outcome.outcome]
    more = ""
    if outcome.labels_missing and outcome.outcome == "refused":
        more = f" About {outcome.labels_missing:,} more labels would tell, if the gain is what it seems."
    if outcome.outcome == "refused":
        more += f" Read {CHALLENGER_REFUSED}."
    say(f"{sentence} {outcome.reason}{more}")
