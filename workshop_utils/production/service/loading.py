"""A model that may answer: loaded, looked at and tried before it does. On any doubt the old one stays."""

import logging
import math
import re
import statistics
from pathlib import Path
from threading import Lock

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment import check_manifest
from workshop_utils.production.service.problems import where_it_failed
from workshop_utils.production.service.scoring import TextScore

_log = logging.getLogger(__name__)

#: What a new model must answer before it answers anybody.
SMOKE_TEXTS = (
    "I love this product!",
    "It broke on the first day, and nobody answered my letters.",
    "ä ö ü ß 😴 हिन्दी \u0000 a\u0301",
    "one two three four five " * 60,
)
#: How ONNX Runtime and libraries in Rust say it.
_NO_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate memory", "memory allocation")
#: After so many failures in a row the service says that it is not ready.
FAILURES_IN_A_ROW = 5


class LoadedModel:
    """A bundle under the version that its answers name.

    Attributes:
        version: as answers name it. bundle: the model.
        failures: texts in a row that it failed on.
    """

    def __init__(self, bundle: Bundle, version: str | None = None) -> None:
        self.bundle = bundle
        self.version = version or bundle.sha256[:12]
        self.labels = tuple(bundle.labels)
        self.failures = 0

    def score(self, text: str) -> TextScore:
        """Score one text.

        Raises:
            ArithmeticError: the model answered with numbers that are not finite.
            MemoryError: there was not enough memory for this text.
        """
        try:
            found = self.bundle.score_timed(text)
            shares = tuple(map(float, found.probabilities))
            if len(shares) != len(self.labels) or not all(map(math.isfinite, shares)):
                raise ArithmeticError("the answer is no probability for each class")
        except BaseException as error:
            if _is_out_of_memory(error):
                raise MemoryError from error  # this request's size, not the model's fault
            self.failures += 1
            if isinstance(error, Exception | KeyboardInterrupt | SystemExit):
                raise
            raise RuntimeError("the model's library broke down") from error  # a panic in Rust is no Exception
        self.failures = 0
        label = self.labels[int(found.probabilities.argmax())]
        return TextScore(shares, label, found.truncated, found.tokenise_seconds, found.infer_seconds)


def _is_out_of_memory(error: BaseException) -> bool:
    """Did it find no memory? Errors of libraries say it in words of their own."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or any(words in told for words in _NO_MEMORY)


def load_tried(
    folder: Path, version: str | None, runs: int, labels: tuple[str, ...] | None, smoke_seconds: float
) -> LoadedModel:
    """Load a bundle and try it.

    Args:
        folder: the bundle.
        version: the name of this version of a deployment, whose manifest must vouch for it; by default the
            start of its sha256.
        runs: texts that will be scored at once.
        labels: those that are served already; None for the first model.
        smoke_seconds: what a typical text may take.

    Raises:
        WorkshopError: it is damaged, has other labels, fails on a text, is not steady, or is too slow.
    """
    model = LoadedModel(Bundle.load(folder, threads=runs), version)
    if version is not None:
        check_manifest(folder, model.bundle)
    if labels is not None and model.labels != labels:
        raise WorkshopError(
            f"{folder.name} has other labels than the model that is served; "
            "start the service anew to serve other classes."
        )
    seconds = []
    for text in SMOKE_TEXTS:
        try:
            first, again = model.score(text), model.score(text)
        except Exception as error:
            _log.error("A smoke text failed: %s", where_it_failed(error))
            raise WorkshopError(f"{folder.name} fails on a smoke text ({type(error).__name__}).") from error
        if first.probabilities != again.probabilities or abs(sum(again.probabilities) - 1) > 1e-3:
            raise WorkshopError(f"{folder.name} answers a smoke text with something else than probabilities.")
        seconds.append(again.tokenise_seconds + again.infer_seconds)
    if (typical := statistics.median(seconds)) > smoke_seconds:
        raise WorkshopError(
            f"{folder.name} takes {typical:.2f} s a text; at most {smoke_seconds:g} s are allowed."
        )
    return model


class ModelSlot:
    """The one reference to the model that answers. Whoever holds a model keeps it until it has answered.

    Attributes:
        model: the one that answers; None while there is none. swaps: how often another took its place.
        load_failures: models refused so far. last_failure: why the newest was refused; None when it was not.
        waiting_for: why there is no model yet.
    """

    def __init__(self) -> None:
        self.model: LoadedModel | None = None
        self.swaps = 0
        self.load_failures = 0
        self.last_failure: str | None = None
        self.waiting_for = "The model is loading."
        self._lock = Lock()

    def swap(self, model: LoadedModel | None) -> None:
        """From now on this one answers."""
        with self._lock:
            self.swaps += self.model is not None and model is not None
            self.model, self.last_failure = model, None

    def refused(self, reason: str) -> None:
        """A newer model was refused; the old one, if there is one, goes on answering."""
        with self._lock:
            self.load_failures += 1
            self.last_failure = self.waiting_for = reason

    def settled(self) -> None:
        """What is to be served is served: a refusal before it is over."""
        with self._lock:
            self.last_failure = None

    @property
    def not_ready(self) -> str | None:
        """Why no text can be classified now; None when one can."""
        model = self.model
        if model is None:
            return self.waiting_for
        if model.failures >= FAILURES_IN_A_ROW:
            return f"The model failed on the last {model.failures} texts."
        return None


def served_name(folder: Path) -> str:
    """The model's name in the V2 routes: the folder's, of signs that need no quoting in an address."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip(".-")[:60] or "model"
