"""BentoML, with and without its adaptive batches."""

import bentoml

from benchmarks.service.rivals.same_model import SameModel

_TRAFFIC = {"timeout": 60}
_LOGS = {"access": {"enabled": False}}


@bentoml.service(name="single", workers=1, threads=2, traffic=_TRAFFIC, logging=_LOGS)
class Single:
    """A text a call, two calls side by side."""

    def __init__(self) -> None:
        self.model = SameModel(threads=1)

    @bentoml.api
    def predict(self, text: str) -> dict:
        """One text."""
        return self.model.one(text)


@bentoml.service(name="batched", workers=1, threads=2, traffic=_TRAFFIC, logging=_LOGS)
class Batched:
    """Texts of several requests in a call."""

    def __init__(self) -> None:
        self.model = SameModel(threads=1, batches=True)

    @bentoml.api(batchable=True, max_batch_size=8, max_latency_ms=20_000)
    def predict(self, text: list[str]) -> list[dict]:
        """One text a request."""
        return self.model.many(text)
