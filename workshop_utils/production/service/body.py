"""The body of a request: JSON in UTF-8, of sane depth; whatever else is refused before it is looked at."""

import json
import re
from typing import Any, NoReturn

from flask import Request

from workshop_utils.production.service.problems import Problem

#: Deeper or larger objects are not looked into: telling what is wrong with each member would cost seconds.
MAX_DEPTH, MAX_MEMBERS = 32, 100
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class JsonRequest(Request):
    """A request whose ``get_json`` answers 400 or 415 in one sentence."""

    def get_json(self, *_: Any, **__: Any) -> Any:
        """The body, parsed.

        Raises:
            Problem: 415 for another media type, charset or a compressed body; 400 for what is no JSON.
        """
        if self.mimetype != "application/json" or not self._is_plain_utf8():
            raise Problem(415, "Send JSON in UTF-8, not compressed, with Content-Type: application/json.")
        return parse_json(self.get_data())

    def _is_plain_utf8(self) -> bool:
        charset = self.mimetype_params.get("charset", "utf-8").lower()
        coding = self.headers.get("Content-Encoding", "identity").lower()
        return charset in ("utf-8", "utf8", "us-ascii") and coding == "identity"


def parse_json(body: bytes) -> Any:
    """Parse a body.

    Raises:
        Problem: 400: not UTF-8, not JSON (as RFC 8259 has it: no NaN, no byte order mark), nested too deeply;
            422: an object with too many members, or with the same one twice: which would count?
    """
    if _is_deeper(body, MAX_DEPTH):
        raise Problem(400, f"The body is no JSON that is nested at most {MAX_DEPTH} deep.")
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "The body is no JSON in UTF-8.") from None
    except ValueError:  # of int, which takes 4300 digits
        raise Problem(400, "A number in the body has thousands of digits.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise Problem(400, f"The body is no JSON in UTF-8: {name} is no number there.")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(members) > MAX_MEMBERS:
        raise Problem(
            422, f"An object in the body has {len(members)} members; at most {MAX_MEMBERS} are taken."
        )
    found = dict(members)
    if len(found) < len(members):
        raise Problem(422, "An object in the body has a member twice; send each once.")
    return found


def _is_deeper(body: bytes, depth: int) -> bool:
    """Peels pairs of brackets off, depth by depth, in time linear in the body whatever is in it."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return False
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    for _ in range(depth):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)
