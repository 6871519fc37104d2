import pytest
import torch

from novelgen.models.kernels import onednn

QUESTIONS = [onednn.multiplies_bfloat16, onednn.packs_bfloat16, onednn.has_bfloat16_lstm]


@pytest.fixture(params=QUESTIONS, ids=lambda question: question.__name__)
def question(request):
    """One of the questions, asked afresh."""
    request.param.cache_clear()
    yield request.param
    request.param.cache_clear()


def test_an_attempt_that_fails_is_a_no(question, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("could not create a primitive descriptor")

    monkeypatch.setattr(torch, "ones", fails)
    assert question() is False


def test_the_answer_is_the_same_while_texts_are_written(question):
    outside = question()
    question.cache_clear()
    with torch.inference_mode():
        assert question() is outside


def test_asking_for_a_bfloat16_lstm_draws_no_random_number():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    onednn.has_bfloat16_lstm.__wrapped__()
    assert torch.equal(torch.rand(1), expected)
