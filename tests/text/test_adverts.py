import pytest

from novelgen.text.adverts import adverts

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
字数：3021
更新时间：2011-3-5
PS：今天第二更，求票求收藏
笔趣阁小说网首发
UU看书www.uukanshu.com
起点中文网www.qidian.com欢迎广大书友光临阅读
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
""".strip().split("\n")


@pytest.mark.parametrize("line", ADVERTS)
def test_an_advert_goes(line):
    assert adverts(line) == ""


@pytest.mark.parametrize("line", PROSE)
def test_what_a_novel_could_say_stays(line):
    assert adverts(line) == line


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("他走了（www.xxx.com）进去。", "他走了进去。"),
        ("他走了【最新章节请到 www.xxx.com 】进去。", "他走了进去。"),
        ("他死了。(求月票)", "他死了。"),
        ("他死了。（未完待续）", "他死了。"),
        ("他（求她不要走）死了。", "他（求她不要走）死了。"),
    ],
)
def test_inserts_in_a_sentence_go_and_the_sentence_stays(before, after):
    assert adverts(before) == after
    # Also in a paragraph that is far too long to be an advert itself.
    assert adverts("她笑了。" * 60 + before) == "她笑了。" * 60 + after


def test_only_the_lines_that_are_adverts_go():
    assert adverts("他来了。\n请收藏本站\n她走了。") == "他来了。\n\n她走了。"
