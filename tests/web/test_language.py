import pytest

from novelgen.web import language


@pytest.fixture(autouse=True)
def words(monkeypatch):
    monkeypatch.setattr(language, "_words", {})


def test_each_language_has_its_own_text():
    language.both("续写", "Continue")
    language.both("停止", "Stop")
    found = language.translations().translations_dict
    assert found["zh-CN"] == found["zh"] == found["zh-TW"] == {"Continue": "续写", "Stop": "停止"}
    assert found["en"] == {"Continue": "Continue", "Stop": "Stop"}


def test_the_same_words_may_be_used_twice_but_must_agree():
    assert language.both("续写", "Continue").key == language.both("续写", "Continue").key
    with pytest.raises(ValueError, match="Continue"):
        language.both("接着写", "Continue")
