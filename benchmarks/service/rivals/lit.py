"""LitServe, with and without batches: ``python -m benchmarks.service.rivals.lit single PORT``."""

import sys

import litserve

from benchmarks.service.rivals.same_model import SameModel


class Single(litserve.LitAPI):
    """A text a call, in two worker processes."""

    def setup(self, device):
        """Open the model."""
        self.model = SameModel(threads=1)

    def decode_request(self, request):
        """One text."""
        return request["text"]

    def predict(self, x):
        """Score it."""
        return self.model.one(x)

    def encode_response(self, output):
        """It is ready."""
        return output


class Batched(Single):
    """Texts of several requests in a call."""

    def setup(self, device):
        """Open the model."""
        self.model = SameModel(threads=1, batches=True)

    def predict(self, x):
        """Score several texts."""
        return self.model.many(x)


if __name__ == "__main__":
    kind, port = sys.argv[1], int(sys.argv[2])
    api = Single() if kind == "single" else Batched(max_batch_size=8, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2, timeout=60)
    server.run(
        host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="warning"
    )
