"""The words that attention.js puts on the page, in Chinese and English."""

from __future__ import annotations

# {name}s are filled in by the script.
_WORDS = {
    "empty": (
        "先在“写作”里续写一段，这里就会画出模型每写一个字时看着上文的哪里。",
        "Write a paragraph under Write; then this shows where in the source the model looked for each of its characters.",
    ),
    "paragraph": ("哪一段", "Paragraph"),
    "place": ("第 {candidate} 稿 · 第 {paragraph} 段", "Draft {candidate} · paragraph {paragraph}"),
    "heatmap": ("注意力热图", "Attention heatmap"),
    "heatmap_keys": (
        "注意力热图：方向键移动，加减号缩放，0 看全图，回车选定一行",
        "Attention heatmap: arrow keys move, plus and minus zoom, 0 shows all, Enter selects a row",
    ),
    "no_attention": (
        "这个模型没有注意力，所以没有热图。",
        "This model has no attention, so there is no heatmap.",
    ),
    "zoom_in": ("放大", "Zoom in"),
    "zoom_out": ("缩小", "Zoom out"),
    "fit": ("看全图", "Fit"),
    "png": ("下载图片 PNG", "Download PNG"),
    "json": ("下载数据 JSON", "Download JSON"),
    "log": ("对数", "Log"),
    "log_why": ("对数颜色：很小的权重也看得见", "Logarithmic colours: small weights show as well"),
    "hint": (
        "滚轮或双指缩放，拖动移动，点一格选定那一行",
        "Wheel or pinch to zoom, drag to pan, click a cell to select its row",
    ),
    "cell": (
        "写“{row}”（第 {i}）时看“{column}”（第 {j}）：权重 {weight}",
        "writing “{row}” ({i}), looking at “{column}” ({j}): weight {weight}",
    ),
    "weight": ("权重", "weight"),
    "across": ("上文 →", "source →"),
    "down": ("写出 ↓", "written ↓"),
    "source": ("上文：越红看得越多", "Source: the redder, the more it was looked at"),
    "output": (
        "写出的：点一个字；下划线越浓越出乎模型意料",
        "GenerationResult: click a character; the stronger the line, the more surprising it was",
    ),
    "token": ("第 {i} 个，共 {count} 个", "{i} of {count}"),
    "end": ("段末", "end of paragraph"),
    "byte": ("第 {part} 个字节，共 {count} 个", "byte {part} of {count}"),
    "probability": ("概率", "Probability"),
    "entropy": ("熵", "Entropy"),
    "bits": ("{bits} 比特", "{bits} bits"),
    "surprise": ("意外度", "Surprise"),
    "looked": ("看得最多", "Looked at most"),
    "alternatives": (
        "最可能的其他选择：点一个，模型从那里接着写",
        "The likeliest others: click one, and the model goes on from there",
    ),
    "alternative_write": (
        "改成“{token}”，从这里接着写",
        "Write “{token}” instead and go on from there",
    ),
    "alternative_end": ("段落到此结束", "End the paragraph here"),
    "alternative_byte": (
        "字节不成一个字，不能从这里接着写",
        "A byte is no character: nothing can be written from it",
    ),
    "alternative_empty": ("段落不能是空的", "A paragraph cannot be empty"),
    "waiting": ("正在算概率……", "Computing probabilities…"),
    "writing": ("正在接着写……", "Writing…"),
    "stop": ("停止", "Stop"),
}


def words() -> dict[str, list[str]]:
    """By name: [Chinese, English]. The browser chooses, for gradio translates no texts inside a component of one's own."""
    return {name: list(texts) for name, texts in _WORDS.items()}
