"""Ask the service with requests: one text, several texts, and the true label of the first.

python ask.py http://127.0.0.1:8000 "I love this product!" positive

The label is what a person says about the text; it needs the service's token in WORKSHOP_TOKEN.
"""

import os
import sys
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry


class ServiceError(Exception):
    """What the service answered instead of 200."""


class _Later(Retry):
    """Waits as long as Retry-After says where the service is too busy; sends nothing else again."""

    RETRY_AFTER_STATUS_CODES = frozenset({429, 503, 504})


class ServiceClient:
    """The service at an address, over a kept connection.

    Args:
        address: where it answers, such as ``http://127.0.0.1:8000``.
        token: its ``WORKSHOP_TOKEN``: for labels, and beyond its own machine for texts.
        attempts: how often a request is sent at most while the service asks to come back later.
    """

    def __init__(self, address: str, token: str = "", attempts: int = 5) -> None:
        self._address = address.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}".encode()
        later = _Later(attempts - 1, connect=0, read=0, allowed_methods=["POST"], raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=later))

    def predict(self, text: str) -> dict[str, Any]:
        """Classify one text."""
        return self._post("/predict", {"text": text})

    def predict_batch(self, texts: list[str]) -> list[dict[str, Any]]:
        """Classify several texts, 64 at most; the predictions come in the same order."""
        return self._post("/predict/batch", {"text": texts})["predictions"]

    def send_label(self, prediction_id: str, label: str) -> str:
        """Tell the true label of a prediction. To tell it again changes nothing."""
        return self._post("/feedback", {"prediction_id": prediction_id, "label": label})["result"]

    def _post(self, route: str, body: dict[str, Any]) -> Any:
        answer = self._session.post(self._address + route, json=body, timeout=30)
        if answer.ok:
            return answer.json()
        told = "no reason is given."
        if answer.headers.get("Content-Type", "").startswith("application/problem+json"):
            problem = answer.json()
            places = "".join(f" {each['pointer']}: {each['detail']}." for each in problem.get("errors", ()))
            told = f"{problem['title']}. {problem['detail']}{places}"
        raise ServiceError(f"{answer.status_code}: {told}")


def ask(address: str = "http://127.0.0.1:8000", text: str = "I love this product!", label: str = "") -> None:
    """Print the predictions, and what became of the label."""
    service = ServiceClient(address, os.environ.get("WORKSHOP_TOKEN", ""))
    prediction = service.predict(text)
    print(f"{prediction['label']}: {text}")
    print(f"class 0 {prediction['class_0_probability']}, class 1 {prediction['class_1_probability']}")
    predictions = service.predict_batch([text, "Never again.", "ä ö ü ß 😴"])
    print(f"In one request: {', '.join(each['label'] for each in predictions)}")
    if label:
        result = service.send_label(prediction["prediction_id"], label)
        print(f"The label {label} is stored: {result}")


if __name__ == "__main__":
    try:
        ask(*sys.argv[1:4])
    except ServiceError as error:
        sys.exit(f"The service answered {error}")
    except requests.ConnectionError:
        sys.exit("No service answers there; make serve starts one.")
    except requests.RequestException as error:
        sys.exit(str(error))
