"""Where people label: the page of a service that runs, or why nobody can label there."""

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from workshop_utils.errors import WorkshopError
from workshop_utils.production.service.settings import is_loopback

_SECONDS, _LONGEST_ANSWER = 10, 1 << 20


def labelling_page(address: str) -> str:
    """The address of the labelling page of the service at ``address``.

    Args:
        address: as ``workshop serve`` tells it, such as ``http://127.0.0.1:8000``; ``http://`` may be
            missing, and a path is left out.

    Raises:
        WorkshopError: this is no address, no service answers there, it has no token, or stores no texts.
    """
    base = _base(address)
    info = _info(base)
    if not info.get("has_token"):
        raise WorkshopError(
            f"The service at {base} has no token, so nobody can label there: "
            "start it with WORKSHOP_TOKEN set."
        )
    if not info.get("stores_texts"):
        raise WorkshopError(
            f"The service at {base} does not store texts, so there is nothing to label: "
            "start it with --store-texts."
        )
    return f"{base}/label"


def _base(address: str) -> str:
    """Scheme, host and port."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        pass
    raise WorkshopError(f"{address!r} is no address of a service; write it as http://127.0.0.1:8000.")


def _info(base: str) -> dict[str, Any]:
    """What /info tells."""
    try:
        no_proxy = [ProxyHandler({})] if is_loopback(urlsplit(base).hostname or "") else []
        with build_opener(*no_proxy).open(f"{base}/info", timeout=_SECONDS) as answer:
            info = json.loads(answer.read(_LONGEST_ANSWER))
    except HTTPError as error:
        error.close()
        info = None
    except URLError as error:
        raise _nobody(base, error.reason) from None
    except TimeoutError:
        raise _nobody(base, f"nothing came in {_SECONDS} s") from None
    except (OSError, HTTPException) as error:
        raise _nobody(base, error) from None
    except ValueError:
        info = None
    if not isinstance(info, dict) or info.get("service") != "workshop":
        raise WorkshopError(
            f"What answers at {base} is no service of this course; name the right one with --address."
        )
    return info


def _nobody(base: str, reason: object) -> WorkshopError:
    why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return WorkshopError(
        f"No service answers at {base} ({why}): start one with `workshop serve --store-texts`, "
        "or name its address with --address."
    )
