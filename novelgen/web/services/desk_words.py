"""The texts of the Write tab's menus and of its buttons' states, which its script puts there."""

from __future__ import annotations

from novelgen.i18n import LANGUAGES, N_, catalogue

# The script fills in the {name}s.
_MESSAGES = {
    # 1. What Continue does.
    "continue": N_("Continue"),
    "continue_accepting": N_("Accept and continue"),
    "continue_without": N_("Discard and continue"),
    # 2. What stands above the sheet.
    "count": N_("{count} characters"),
    "reads": N_("The model reads what is marked: the last {count} paragraphs"),
    "reads_one": N_("The model reads what is marked: the last paragraph"),
    "reads_first": N_("The model reads what is marked: the first {count} paragraphs"),
    "reads_first_one": N_("The model reads what is marked: the first paragraph"),
    "reads_all": N_("The model reads all of it"),
    # 3. The chapters.
    "chapters": N_("Chapters"),
    "no_chapters": N_("A line such as “Chapter 3” or “# Title” becomes a chapter."),
    # 4. The stories.
    "stories": N_("Stories"),
    "kept": N_("All that you write is kept in this browser."),
    "untitled": N_("Untitled"),
    "story": N_("{count} characters · {time}"),
    "open_here": N_("open"),
    "open": N_("Open"),
    "delete": N_("Delete"),
    "delete_sure": N_("Delete for ever"),
    "no_stories": N_("No other stories yet"),
    "full": N_(
        "The browser has no room left for this text: save it as a file, and delete stories that "
        "you no longer need."
    ),
    "new_title": N_("Begin a new story?"),
    "new_why": N_("“{title}” ({count} characters) stays in the list of stories."),
    "new_yes": N_("New story"),
    "cancel": N_("Cancel"),
    # 5. Files.
    "file": N_("File"),
    "open_file": N_("Open a file…"),
    "save_story": N_("Save the story, with drafts and settings"),
    "text_file": N_("Download .txt"),
    "markdown_file": N_("Download Markdown"),
    "word_file": N_("Download Word (.docx)"),
    "without_draft": N_("{name} was saved without the draft: accept it first to have it there."),
    "saved": N_("{name} was saved."),
    "unreadable": N_("{name}: this file cannot be opened"),
    "middle": N_("In the middle"),
    "fill": N_("Write a paragraph behind that of the cursor"),
    "reword": N_("Other words for what is selected"),
    "nothing_selected": N_("Select some words in the manuscript first."),
    "middle_writing": N_("Writing…"),
    "busy": N_("Something is being written: press Stop first."),
    # 6. Finding.
    "find": N_("Find"),
    "find_text": N_("Find in the manuscript"),
    "replace_text": N_("Replace with"),
    "matches": N_("{number} of {count}"),
    "no_matches": N_("not found"),
    "previous": N_("Previous match"),
    "next": N_("Next match"),
    "replace": N_("Replace"),
    "replace_all": N_("Replace all"),
    "close": N_("Close"),
    # 7. Keys.
    "keys": N_("Keys"),
    "key_continue": N_("continue"),
    "key_stop": N_("stop, or close what is open"),
    "key_accept": N_("accept the draft"),
    "key_discard": N_("discard the draft"),
    "key_rewrite": N_("write the draft again"),
    "key_find": N_("find and replace"),
    "key_save": N_("save the story as a file"),
}


def words() -> dict[str, dict[str, str]]:
    """By language, "zh" and "en": the texts by name, as attention_words.words has them."""
    return {
        language: {name: catalogue(language).gettext(text) for name, text in _MESSAGES.items()}
        for language in LANGUAGES
    }
