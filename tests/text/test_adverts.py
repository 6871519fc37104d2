import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.text.adverts import LONGEST_ADVERT, SIGN, judge, without_inserts
from novelgen.text.site_talk import measure, plain_form

ADVERTS = """
本书来自www.abc.com免费txt小说下载站
更多精彩好书，更多原创TXT手机电子书，请登陆 www.qisuu.com
更多最新章节请访问http://www.xxx.com
更多精彩内容请关注本站
手机用户请浏览m.xxx.com阅读，更优质的阅读体验。
手機用戶請訪問m.xxx.com
请收藏本站
請收藏本站！
（本章未完，请翻页）
(本章未完)
未完待续
最新章节来自笔趣阁
求推荐票！求收藏！
新书上传，求月票
【求月票】
txt下载
TXT电子书下载论坛
www.xxx.com
ｗｗｗ．xxx．com
本书由八零电子书整理提供下载
欢迎广大书友光临阅读，最新、最快、最火的连载作品尽在起点原创！
天才一秒记住本站地址：[笔趣阁] 最快更新！无广告！
上一章 | 返回目录 | 下一章
喜欢本书请收藏
（未完待续。如果您喜欢这部作品，欢迎您来投推荐票、月票，您的支持，就是我最大的动力。）
PS：今天第二更，求票求收藏
笔趣阁小说网首发
UU看书www.uukanshu.com
起点中文网www.qidian.com欢迎广大书友光临阅读
请记住本书首发域名：www.abc.com。手机版更新最快网址：m.abc.com
章节错误,点此举报(免注册),我们会尽快处理.
一秒记住【青灯小说网】，更新快，无弹窗，免费读！
《青灯》正在手打中，请稍等片刻，内容更新后，请重新刷新页面，即可获取最新更新！
请勿用于商业用途，版权归作者所有
本书由网友上传，仅供试读，请在下载24小时内删除
----〖青灯书屋www.abc.com〗----
《《《上一章|目录|下一章》》》
更多好书尽在Ｗ Ｗ Ｗ．ＡＢＣ．ＯＲＧ
本文首发于ｗｗｗ。ａｂｃ。ｃｏｍ，请支持正版阅读
【青灯免费群1号】——100000007
加qq群：100000008，一起讨论剧情
微信公众号：青灯书坊
声明：本站所有小说均为网友上传，仅代表发布者个人行为，与本站立场无关！
为了方便下次阅读，请点击"收藏"保存，打开书架即可继续阅读！
""".strip().split("\n")

PROSE = """
他打开www.baidu.com，输入她的名字。
“请收藏本站！”他笑着念道。
他求她收藏这幅画。
手机用户请注意，您的话费已不足。
更多的人访问了这座城。
这一章他已经写完，最新章节却迟迟不发。
他们请大家收藏好各自的东西。
求佛祖保佑这点收藏别叫贼偷了去
三国时有人求收藏古董，以为风雅。
电子书和纸书，各有各的好处。
欢迎各位书友来茶馆坐坐。
本文由一个故事开始，讲到人网为止。
此书来自西域，由一位老僧整理。
本书是他在狱中写成的。
请收藏好这封信
我求月亮点击我的窗户
下一页，下一章，他翻得飞快。
他在网上下载了一部小说。
求求你（他哭道），放了我罢。
最新的消息来自前线。
上一回说到，宋江怒杀阎婆惜。
小说里的事，如何当得真？
老作家的书在网上免费阅读，一个月没有几个人看。
纸条背面抄着www.abc.com，墨水洇成一团。
编辑请作者更新章节。
电子书下载完的时候，船已经靠岸。
公众号停更的那个晚上，猫把键盘上的收藏全碰掉了。
版权归出版社所有，合同的最后一行写得清清楚楚。
推荐票、月票、打赏，少年在日记里算着账。
本站停靠三分钟，请旅客抓紧时间。
未完待续四个字刺痛了眼睛。
小说网站的服务器在地下室里嗡嗡作响。
群里有人发了一个链接，没有人点开。
电话簿上有一个群，号码是100000009，没有姓名。
最新章节更新的那个晚上，论坛崩溃了。
“请收藏本站。”
""".strip().split("\n")


def verdict(line, *, at_edge=False, recurs=False):
    """What is said of a line that has a sign of an advert."""
    if not SIGN.search(line):
        return None
    return judge(line, at_edge=at_edge, recurs=recurs)


@pytest.mark.parametrize("line", ADVERTS)
def test_an_advert_goes_wherever_it_stands(line):
    found = verdict(line)
    assert found is not None
    assert not found.is_doubtful


@pytest.mark.parametrize("line", PROSE)
def test_what_a_novel_could_say_stays_wherever_it_stands(line):
    for at_edge in (False, True):
        found = verdict(line, at_edge=at_edge)
        assert found is None or found.is_doubtful


def test_an_address_in_a_sentence_of_the_story_is_doubtful():
    found = verdict("纸条背面抄着www.abc.com，墨水洇成一团。")
    assert found is not None
    assert found.reason == "some_site_talk"


def test_place_and_repetition_decide_where_the_words_do_not():
    line = "各位书友端午安康，欢迎收藏本站"
    assert verdict(line).is_doubtful
    assert verdict(line, at_edge=True) == ("chapter_edge", False)
    assert verdict(line, recurs=True) == ("recurs", False)


def test_a_line_is_an_advert_by_all_of_its_clauses():
    advert = "请收藏本站，更新最快，无弹窗"
    assert not verdict(advert).is_doubtful
    story = verdict(advert + "，墙上的钟忽然停了摆")
    assert story is None or story.is_doubtful


def test_a_long_paragraph_is_no_advert():
    assert judge("请收藏本站！" * LONGEST_ADVERT, at_edge=True, recurs=True) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("阿满走了（www.xxx.com）进去。", "阿满走了进去。"),
        ("阿满走了（ｗww．xＸx．cＯm）进去。", "阿满走了进去。"),
        ("阿满走了【最新章节请到 www.xxx.com 】进去。", "阿满走了进去。"),
        ("阿满睡了。(求月票)", "阿满睡了。"),
        ("阿满睡了。（未完待续）", "阿满睡了。"),
        ("阿满（求她不要走）睡了。", "阿满（求她不要走）睡了。"),
        ("名片上印着网址（www.xxx.com）和电话。", "名片上印着网址（www.xxx.com）和电话。"),
        ("----〖最新章节 www.xxx.com〗----", ""),
    ],
)
def test_inserts_in_a_sentence_go_and_the_sentence_stays(before, after):
    assert without_inserts(before) == after
    # Also in a paragraph that is far too long to be an advert itself.
    if after:
        assert without_inserts("她笑了。" * 60 + before) == "她笑了。" * 60 + after


def test_the_plain_form_keeps_every_place():
    line = "ＡｂＣ．請İ收藏"
    assert plain_form(line) == "abc.请İ收藏"
    assert len(plain_form(line)) == len(line)


def test_an_address_weighs_as_much_as_a_word():
    short = measure("灯下的人看着ab.com")
    long = measure("灯下的人看着www." + "a" * 90 + ".com")
    assert short.has_address
    assert short.share < 0.5
    assert long.share == pytest.approx(short.share)


MARKS = 'ｗwWw.．。·com/:请求票收藏本站章节【】（）()《》「」"“”——1２群qQ未完待续：，！ 　\t\u3000'


@given(st.text(alphabet=MARKS, max_size=LONGEST_ADVERT))
def test_any_mixture_of_marks_is_judged(line):
    talk = measure(line)
    assert 0 <= talk.least <= talk.share <= 1
    judge(line, at_edge=True, recurs=True)
    assert len(without_inserts(line)) <= len(line)


@pytest.mark.parametrize(
    "piece", ["（", "www.", "a.", "群1", "请收藏本站", "求", "《", "w w ", "【a"]
)
def test_time_is_linear_in_the_length_of_a_line(piece):
    line = piece * (100_000 // len(piece))
    start = time.process_time()
    without_inserts(line)
    SIGN.search(line)
    measure(line[:LONGEST_ADVERT])
    assert time.process_time() - start < 2
