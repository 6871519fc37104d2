import signal
import threading

import pytest

from novelgen.training.interrupt import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_ends(number, capsys):
    before = signal.getsignal(number)
    with Interrupt(announces_sigterm=True) as interrupt:
        assert not interrupt.asked
        signal.raise_signal(number)
        assert interrupt.asked
        assert "saving" in capsys.readouterr().out
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_sigterm_of_torchrun_is_not_announced(capsys):
    with Interrupt(announces_sigterm=False) as interrupt:
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.asked
    assert capsys.readouterr().out == ""


def test_outside_the_main_thread_nothing_is_caught():
    handlers = []

    def work():
        with Interrupt(announces_sigterm=True):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
