"""Stops listening without resetting anybody who has just connected."""

import ctypes
import socket
import struct
import sys

#: Linux's ``SO_ATTACH_FILTER``, which Python does not name.
_ATTACH_FILTER = 26

#: A filter for the kernel (classic BPF): each line is code, jump if true, jump if false, value. See
#: https://docs.kernel.org/networking/filter.html; the packet begins with the TCP header.
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte that holds the flags
    (0x45, 0, 1, 0x02),  # is SYN among them?
    (0x06, 0, 0, 0),  # yes: drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # no: keep all of it
)


def refuse_newcomers(listening: socket.socket) -> bool:
    """From now on nobody new connects; who has begun to can finish, and is to be accepted.

    Somebody may connect between the last ``accept`` and ``close``. That client was told that its connection
    stands, and the close would reset it. So Linux is asked to drop the first packet of every connection: the
    client sends it again a second later and is told that nobody listens, before it has sent anything.

    Args:
        listening: the socket; its connections go on as before.

    Returns:
        False where the system has no such filter; the moment stays there.
    """
    if sys.platform != "linux":
        return False
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _DROP_SYN))
    described = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, described)
    except OSError:  # a sandbox may refuse
        return False
    return True
