"""Has the learner begun? Tells the ``...`` of a stub from the ``...`` in an index such as ``x[..., 0]``."""

import dis
import functools
import inspect
import re
from types import CodeType, FunctionType, MethodType
from typing import Any

#: What a function's instructions are called when ``...`` is returned, yielded or given to a name. In an
#: index, ``...`` is followed by the building of a tuple or by the look-up itself.
_BARE = re.compile(
    r"\bELLIPSIS (COPY )?STORE_(FAST|DEREF|NAME|GLOBAL)"
    r"|\bELLIPSIS (RETURN|YIELD)"
    r"|\bELLIPSIS (LOAD_\w+ )*BUILD_TUPLE RETURN"  # return ..., x
    r"|\bELLIPSES (RETURN|UNPACK)"  # return ..., 0 and a, b = ..., 0
)
#: Instructions of a function that does nothing at all.
_IDLE = re.compile(r"((RESUME|NOP|COPY_FREE_VARS) )*NONE RETURN_VALUE ")
_CACHED = type(functools.cache(len))


def is_untouched(answer: Any) -> bool:
    """Is this answer still what the stub gave?

    Args:
        answer: any value. Untouched are ``...`` itself; a function that still returns or yields ``...`` or
            gives it to a name, or that does nothing at all; a class with a method that still does so.
    """
    if isinstance(answer, functools.partial):
        return is_untouched(answer.func)
    if isinstance(answer, type):
        return any(member is ... or _holds_stub(_code(member)) for member in vars(answer).values())
    code = _code(answer)
    return answer is ... or _is_idle(code) or _holds_stub(code)


def _code(value: Any) -> CodeType | None:
    """The code of a function or method, beneath ``functools.cache`` and other wrappers."""
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, MethodType | staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, (FunctionType, _CACHED)):
        value = inspect.unwrap(value)
    return value.__code__ if isinstance(value, FunctionType) else None


def _is_idle(code: CodeType | None) -> bool:
    """Only ``pass``, a docstring, or a bare ``...``, which leaves no trace in the code."""
    return code is not None and code.co_name != "<lambda>" and bool(_IDLE.fullmatch(_instructions(code)))


def _holds_stub(code: CodeType | None) -> bool:
    """A bare ``...`` in this code, or in that of a function within it."""
    if code is None:
        return False
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return bool(_BARE.search(_instructions(code))) or any(_holds_stub(part) for part in inner)


def _instructions(code: CodeType) -> str:
    """Names of the instructions, each with a space after it; some constants have names of their own."""
    return "".join(f"{_name(instruction)} " for instruction in dis.get_instructions(code))


def _name(instruction: dis.Instruction) -> str:
    value = instruction.argval
    if instruction.opname not in ("LOAD_CONST", "RETURN_CONST"):
        return instruction.opname
    if value is ...:
        name = "ELLIPSIS"
    elif isinstance(value, tuple) and any(item is ... for item in value):
        name = "ELLIPSES"
    elif value is None:
        name = "NONE"
    else:
        return instruction.opname
    # since Python 3.12, one instruction loads a constant and returns it
    return f"{name} RETURN_VALUE" if instruction.opname == "RETURN_CONST" else name
