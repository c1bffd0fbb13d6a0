"""Memory is kept while a network learns, and given back afterwards, whatever happens."""

import pytest

from workshop_utils.models import memory
from workshop_utils.models.memory import kept_memory


class Allocator:
    """Stands for glibc and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def mallopt(self, name, value):
        self.asked.append((name, value))

    def malloc_trim(self, _):
        self.asked.append("trim")


def test_freed_memory_is_kept_while_training_and_given_back_after_an_error(monkeypatch):
    glibc = Allocator()
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: glibc)
    with pytest.raises(KeyError), kept_memory():
        kept = dict(glibc.asked)
        raise KeyError
    assert glibc.asked[-1] == "trim"
    after = dict(glibc.asked[len(kept) : -1])
    assert after.keys() == kept.keys() and all(after[name] != kept[name] for name in kept)


@pytest.mark.parametrize("system", ["darwin", "win32", "linux"])
def test_without_glibc_training_goes_on(monkeypatch, system):
    def absent(name):
        assert system == "linux", "nobody else is asked for glibc"
        raise OSError(name)

    monkeypatch.setattr(memory.sys, "platform", system)
    monkeypatch.setattr(memory.ctypes, "CDLL", absent)
    with kept_memory():
        done = True
    assert done
