"""A signal leaves a mark, and the run heeds it where stopping is safe."""

from __future__ import annotations

import os
import signal

import pytest

from backbone.runtime.stopping import Stopped, StopRequest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_is_told_at_once_and_heeded_later(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    request, told = StopRequest(), []
    with request.listening(lambda: told.append("told")):
        request.check()
        os.kill(os.getpid(), number)
        assert told == ["told"]
        assert signal.getsignal(number) is signal.SIG_DFL
        with pytest.raises(Stopped) as caught:
            request.pause(0)
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) is before


def test_without_a_signal_nothing_happens() -> None:
    request = StopRequest()
    with request.listening(lambda: None):
        request.pause(0)
        request.check()


def test_what_belongs_to_the_end_is_not_cut_short() -> None:
    request = StopRequest()
    with request.listening(lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
        with request.heeded():
            request.pause(0)
            with pytest.raises(Stopped):
                request.check()
        with pytest.raises(Stopped):
            request.pause(0)
