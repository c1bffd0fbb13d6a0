"""Thousands of requests of all kinds leave the service as it was: memory, threads, descriptors."""

import http.client

import psutil
import pytest

from benchmarks.soak import TOKEN, metric, soak
from tests.bundles import tfidf_bundle
from tests.served import served


@pytest.mark.fault(27)
@pytest.mark.slow
def test_four_thousand_requests_of_all_kinds_leave_memory_threads_and_descriptors_alone(tmp_path, home):
    """``benchmarks/results/soak.md`` has twenty thousand."""
    made = tfidf_bundle(tmp_path / "reviews")
    with served(home, "--bundle", made, "--store-texts", WORKSHOP_TOKEN=TOKEN) as process:
        soaked = soak(process.client.port, psutil.Process(process.process.pid), 4000)
        assert soaked.unexpected == []
        assert set(soaked.statuses) == {200, 303, 400, 403, 404, 405, 413, 415, 422}
        before, after = soaked.halves
        assert soaked.growth < 0.1 and after.threads == before.threads
        # a thread may open its connection to the store late; one leak in 100 requests would be 20 files
        assert after.files <= before.files + 8
        connection = http.client.HTTPConnection(process.client.host, process.client.port, timeout=30)
        assert metric(connection, "dropped_records_total") == 0
        connection.close()
        process.process.terminate()
        process.end()
        assert not process.errors
