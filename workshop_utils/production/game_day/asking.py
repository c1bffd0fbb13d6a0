"""One request in JSON to a service on this machine, over a connection of its own."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit


class NoAnswer(Exception):
    """The connection was refused or ended before an answer, or what came is none."""


def ask_json(
    url: str, path: str, value: Any = None, token: str | None = None, seconds: float = 60.0
) -> tuple[int, dict[str, Any]]:
    """GET, or POST where there is a value; the status and the body.

    Args:
        url: of the service, such as ``http://127.0.0.1:8000``.
        path: of the route.
        value: what is posted.
        token: for routes that need it.
        seconds: to wait for the answer.

    Raises:
        NoAnswer: nobody listens, the connection ended, or what came is no JSON.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        if value is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(value).encode("ascii"), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except ValueError:
        raise NoAnswer("what answers is no JSON") from None
    except ConnectionRefusedError:
        raise NoAnswer("nobody listens") from None
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"the connection ended ({type(error).__name__})") from None
    finally:
        connection.close()
