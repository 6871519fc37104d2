"""What Gradio itself says on the page, in the visitor's language.

Gradio 6.31 looks up some of its texts by a key, and has translated a part of those: `KEYS` gives
the ones that this page can show, so that every browser gets them in the language of the page. The
others are English in its code, whatever the browser speaks: static/gradio_texts.js replaces
`FIXED_TEXTS` in a Chinese browser.
"""

from __future__ import annotations

import json

from novelgen.i18n import N_, catalogue
from novelgen.web import static_files

# Gradio's keys, as in its own lang/en.json. A key with a dot in it goes before its nested ones.
KEYS = {
    "blocks.connection_can_break": N_(
        "On a phone the connection can break when this tab is left or the device sleeps;"
        " the place in the queue is lost then."
    ),
    "blocks.lost_connection": N_(
        "The connection was lost when the page was left. Joining the queue again…"
    ),
    "blocks.waiting_for_inputs": N_("Waiting for file(s) to finish uploading, please retry."),
    "common.clear": N_("Clear"),
    "common.download": N_("Download"),
    "common.empty": N_("Empty"),
    "common.error": N_("Error"),
    "common.loading": N_("Loading"),
    "common.logo": N_("logo"),
    "common.remove": N_("Remove"),
    "common.stop_recording": N_("Stop recording"),
    "dataframe.clear_filter": N_("Clear filters"),
    "dataframe.clear_sort": N_("Clear sorting"),
    "dataframe.filter": N_("Filter"),
    "dataframe.sort_ascending": N_("Sort ascending"),
    "dataframe.sort_column": N_("Sort column"),
    "dataframe.sort_descending": N_("Sort descending"),
    "errors.use_via_api": N_("Use via API"),
    "errors.use_via_api_or_mcp": N_("Use via API or MCP"),
    "label.label": N_("Label"),
    "plot.plot": N_("Plot"),
    "common.or": N_("or"),
    "file.uploading": N_("Uploading…"),
    "status.queue_position": N_("In queue: {position} of {size}"),
    "upload_text.click_to_upload": N_("Click to choose files"),
    "upload_text.drop_file": N_("Drop files here"),
}
# The languages of Gradio's own texts, without Chinese and English.
# fmt: off
LOCALES = (
    "ar", "ca", "ckb", "de", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "id", "ja", "ko", "lt",
    "nb", "nl", "pl", "pt-BR", "pt", "ro", "ru", "sv", "ta", "th", "tr", "uk", "ur", "uz",
)
# fmt: on
# English in Gradio's code, letter by letter; {…} stands for any text, which is kept.
FIXED_TEXTS = (
    # Toasts. The title of a gr.Error does not reach the page in this version.
    N_("Error"),
    N_("Warning"),
    N_("Info"),
    N_("Success"),
    N_("Close"),
    N_("Connection Lost"),
    N_("Connection to the server was lost. Attempting reconnection..."),
    N_("This application is currently busy. Please try again. "),
    N_("Connection errored out. "),
    N_("File(s) exceed the maximum allowed size of {size}: {names}"),
    # Our tabs: see the script.
    N_("Write"),
    N_("Attention"),
    N_("Compare"),
    N_("Model"),
    # While an event runs or waits.
    N_("queue: {place}/{count} |"),
    N_("processing |"),
    # Buttons and fields, by their aria-label or title.
    N_("Clear"),
    N_("Click to upload or drop files"),
    N_("Copied"),
    N_("Copy"),
    N_("Copy table data"),
    N_("Exit fullscreen mode"),
    N_("Export"),
    N_("File upload"),
    N_("Fullscreen"),
    N_("Gradio footer navigation"),
    N_("More tabs"),
    N_("Open cell menu"),
    N_("Remove"),
    N_("Reset to default value"),
    N_("Table actions"),
    N_("number input for {label}"),
    N_("range slider for {label}"),
    # The plot, as it is read aloud.
    N_("Vega visualization"),
    N_("X-axis titled '{title}' for a linear scale with values from {low} to {high}"),
    N_("Y-axis titled '{title}' for a linear scale with values from {low} to {high}"),
    N_("Symbol legend titled '{title}' for stroke color with {count} values: {values}"),
    N_("{point}; series: {name}"),
)


def script() -> str:
    """The script for the page's head, with the Chinese of FIXED_TEXTS in it."""
    to_chinese = catalogue("zh").gettext
    table = {text: to_chinese(text) for text in FIXED_TEXTS}
    # "<" would end the script element where "</script" stood in a text.
    literal = json.dumps(table, ensure_ascii=False).replace("<", "\\u003c")
    return static_files.read("gradio_texts.js").replace("CHINESE_BY_ENGLISH", literal)
