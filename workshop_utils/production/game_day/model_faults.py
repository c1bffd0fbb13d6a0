"""Faults of the model that is served: too slow, damaged on its way, promoted by two people at once."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.files import locked
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.bundle.card import read_card, write_folder
from workshop_utils.models.bundle.cores import usable_cores
from workshop_utils.production.deployment import Told, pointed_version, promote
from workshop_utils.production.game_day.fault import Fault, SeenAlarm
from workshop_utils.production.game_day.materials import another_bundle
from workshop_utils.production.game_day.stage import Stage

#: Clients that ask at once, how long a text shall take then, and how many texts an alarm needs.
_CLIENTS, _SLOW_SECONDS, _SLOW_TEXTS = 56, 0.7, 400
#: Rows and columns of a matrix that is multiplied with itself to take time.
_SIZE = 512
_YESTERDAY, _TODAY = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


class SlowModel(Fault):
    """A model that computes far more for a text is promoted, and many ask it."""

    name, runbook = "slow model", "service-is-slow-or-failing"
    caused = (
        f"a model with a chain of large matrix products was promoted, and {_CLIENTS} clients ask it at once"
    )

    def cause(self, stage: Stage) -> None:
        """Promote it."""
        slow = slow_bundle(
            stage.materials.bundle, stage.folder / "slow", _SLOW_SECONDS * usable_cores() / _CLIENTS
        )
        done = stage.workshop("promote", slow, "--deployment", stage.deployment, "--reason", "it knows more")
        if done.code:
            raise WorkshopError(done.told)
        version = pointed_version(stage.deployment) or ""
        stage.until(lambda: stage.serves(version), "the slow model as champion")
        stage.ask_at_once(stage.reviews.texts(_SLOW_TEXTS), _CLIENTS)

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What monitoring says; the predictions may still be on their way into the store."""

        def looked() -> str:
            told = stage.monitor().told
            return told if "Alarm: operations" in told else ""

        return [SeenAlarm("workshop monitor", stage.until(looked, "an alarm about the service"))]

    def mend(self, stage: Stage) -> str:
        """Roll back."""
        return return_to_champion(stage, "the service is slow")


class BadBundle(Fault):
    """A version was copied into the deployment with one wrong byte."""

    name, runbook = "bad bundle", "bad-bundle"
    caused = (
        "a version was copied into the deployment with one byte of model.onnx flipped, and `current` names it"
    )

    def cause(self, stage: Stage) -> None:
        """Copy it as a script would, past `workshop promote`."""
        staging = stage.folder / "staging"
        bundle = another_bundle(stage.materials.bundle, stage.folder / "newer", _TODAY)
        promote(stage.materials.bundle, staging, Told("game day"))
        version = promote(bundle, staging, Told("game day")).version
        target = stage.deployment / "versions" / version
        shutil.copytree(staging / "versions" / version, target)
        shutil.copy(staging / "versions" / f"{version}.json", target.with_name(f"{version}.json"))
        model = bytearray((target / "model.onnx").read_bytes())
        model[len(model) // 2] ^= 1
        (target / "model.onnx").write_bytes(model)
        pointer = stage.deployment / ".current.copied"
        pointer.write_text(f"{version}\n", encoding="utf-8")
        pointer.replace(stage.deployment / "current")

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What /readyz and the log say; the old model answers."""
        page = f"docs/runbooks/{self.runbook}.md"

        def told() -> str:
            status, answer = stage.get("/readyz")
            still = answer.get("model_version") == stage.champion
            refused = status == 200 and still and answer["last_failure"]
            return f"{status} {answer['last_failure']} {answer['runbook']}" if refused else ""

        ready = SeenAlarm("/readyz", stage.until(told, "a refusal in /readyz"))
        logged = stage.until(lambda: stage.logged(page), "a refusal in the log")
        return [ready, SeenAlarm("the service's log", logged)]

    def mend(self, stage: Stage) -> str:
        """Point back to what works."""
        return return_to_champion(stage, "the bundle is refused")


class TwoPromoters(Fault):
    """One promotion stands still while it holds the deployment; another one comes."""

    name, runbook = "two promoters", "two-promoters"
    caused = "a `workshop promote` was stopped (SIGSTOP) while it held the deployment, and a second one came"
    needs = "Windows stops no process in the midst of its work."
    _holder: "subprocess.Popen[str] | None" = None

    def cause(self, stage: Stage) -> None:
        """Stop the first one while it holds the lock; where it was faster, promote the other bundle."""
        first = another_bundle(stage.materials.bundle, stage.folder / "first", _YESTERDAY)
        self._second = another_bundle(stage.materials.bundle, stage.folder / "second", _TODAY)
        for _ in range(10):
            self._holder = stage.start_workshop("promote", first, "--deployment", stage.deployment)
            if self._is_held(stage, self._holder):
                return
            self._holder.communicate()
            first, self._second = self._second, first
        raise WorkshopError("No promotion could be stopped in time.")

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What the second one is told."""
        refused = stage.workshop("promote", self._second, "--deployment", stage.deployment)
        if refused.code != 1:
            raise WorkshopError(f"The second promotion ended with {refused.code}, not with an error.")
        return [SeenAlarm("workshop promote", refused.told)]

    def mend(self, stage: Stage) -> str:
        """Let the first one go on; the second one looks at the history and comes again."""
        if self._holder is not None:
            os.kill(self._holder.pid, signal.SIGCONT)
            self._holder.communicate(timeout=60)
        won = pointed_version(stage.deployment) or ""
        stage.until(lambda: stage.serves(won), "the first promoter's model")
        again = stage.workshop("promote", self._second, "--deployment", stage.deployment)
        if again.code:
            raise WorkshopError(again.told)
        second = pointed_version(stage.deployment) or ""
        stage.until(lambda: stage.serves(second), "the second promoter's model")
        return f"{won} was served, then {second}, each whole, and the history names both"

    def clean_up(self) -> None:
        """A stopped process would stay for ever."""
        if self._holder is not None and self._holder.poll() is None:
            self._holder.kill()
            self._holder.communicate()

    @staticmethod
    def _is_held(stage: Stage, holder: "subprocess.Popen[str]") -> bool:
        """Wait for the lock and stop its holder; False where it was done before."""
        lock = stage.deployment / ".lock"
        while holder.poll() is None:
            if lock.exists():
                os.kill(holder.pid, signal.SIGSTOP)
                _, status = os.waitpid(holder.pid, os.WUNTRACED)
                if not os.WIFSTOPPED(status):
                    return False
                try:
                    with locked(lock, "held"):
                        pass
                except WorkshopError:
                    return True
                os.kill(holder.pid, signal.SIGCONT)  # it was about to take the lock, or had given it back
            time.sleep(0.001)
        return False


def return_to_champion(stage: Stage, reason: str) -> str:
    """Go back to the first champion by the command, and wait until the service answers with it.

    Raises:
        WorkshopError: it did not work.
    """
    done = stage.workshop("rollback", "--deployment", stage.deployment, "--reason", reason)
    if done.code:
        raise WorkshopError(done.told)
    stage.until(lambda: stage.serves(stage.champion), "the former champion")
    return "`workshop rollback`; the former champion answers again"


def slow_bundle(bundle: Path, target: Path, seconds: float) -> Path:
    """The same answers from a model that takes so long for a text, on one core of this machine.

    Its scores get what a chain of matrix products gives, times nothing.
    """
    import onnx
    from onnx import helper, numpy_helper

    def written(products: int) -> Path:
        model = onnx.load(bundle / "model.onnx")
        graph = model.graph
        scores = next(node for node in graph.node if node.op_type == "Softmax")
        square = np.full((_SIZE, _SIZE), 1 / _SIZE, np.float32)
        arrays = {"slow_matrix": square, "slow_nothing": np.float32(0)}
        graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in arrays.items())
        steps = [
            helper.make_node("ReduceMean", [scores.input[0]], ["slow_mean"], keepdims=0),
            helper.make_node("Add", ["slow_matrix", "slow_mean"], ["slow_0"]),
        ]
        for number in range(products):
            steps.append(
                helper.make_node("MatMul", [f"slow_{number}", "slow_matrix"], [f"slow_{number + 1}"])
            )
        steps += [
            helper.make_node("ReduceMean", [f"slow_{products}"], ["slow_last"], keepdims=0),
            helper.make_node("Mul", ["slow_last", "slow_nothing"], ["slow_zero"]),
            helper.make_node("Add", [scores.input[0], "slow_zero"], ["slow_scores"]),
        ]
        before = list(graph.node)
        place = before.index(scores)
        scores.input[0] = "slow_scores"
        after = [*before[:place], *steps, scores, *before[place + 1 :]]
        del graph.node[:]
        graph.node.extend(after)
        card = read_card(bundle)

        def write(folder: Path) -> None:
            for name in card.sha256:
                shutil.copyfile(bundle / name, folder / name)
            (folder / "model.onnx").write_bytes(model.SerializeToString())

        return write_folder(target, card, write)

    probe = Bundle.load(written(8), threads=1)
    each = min(probe.score_timed("a text").infer_seconds for _ in range(5)) / 8
    return written(max(1, round(seconds / each)))
