import pytest

from novelgen.web import language


@pytest.fixture(autouse=True)
def words(monkeypatch):
    monkeypatch.setattr(language, "_words", {})


def test_each_language_has_its_own_text():
    resume, stop = language.both("续写", "Continue").key, language.both("停止", "Stop").key
    found = language.translations().translations_dict
    assert found["zh-CN"] == found["zh"] == found["zh-TW"] == {resume: "续写", stop: "停止"}
    assert found["en"] == {go_on: "Continue", stop: "Stop"}


def test_one_language_may_say_the_same_where_the_other_does_not():
    keys = [language.both(chinese, "Compare").key for chinese in ("对比", "开始对比", "对比")]
    chinese = language.translations().translations_dict["zh"]
    assert [chinese[key] for key in keys] == ["对比", "开始对比", "对比"]
    assert keys[0] == keys[2]
