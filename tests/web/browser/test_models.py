"""Choosing, comparing and training models, in the browser."""

import json
import os
import re
import shutil

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

PROMPT = "小满坐在船头，数着河边的石阶。"
MARKUP = "<img src=x onerror='window.harm = 1'>"


def value(page, name):
    return page.locator(f"#{name} textarea, #{name} input").first.input_value()


def begins(page, name, beginning):
    """Waits until a field begins with a text; fails when it does not get it."""
    field = page.locator(f"#{name} textarea, #{name} input").first
    expect(field).to_have_value(re.compile(f"^{re.escape(beginning)}"))


def contains(page, name, text):
    field = page.locator(f"#{name} textarea, #{name} input").first
    expect(field).to_have_value(re.compile(re.escape(text)))


def uses(page, run):
    """Waits until the page names the run as the model in use; fails when it does not."""
    expect(page.locator("#page-run")).to_have_text(run)


def bring_run(workplace, folder):
    """Makes the run of `app` the only one in a folder."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    shutil.copytree(workplace / "checkpoints" / "novel", folder / "checkpoints" / "novel")
    return folder


@pytest.fixture(scope="module")
def shared_folder(workplace, tmp_path_factory):
    return bring_run(workplace, tmp_path_factory.mktemp("models"))


@pytest.fixture
def own_folder(workplace, shared_folder):
    """The folder of `own_app`, as it was when the app was started."""
    return bring_run(workplace, shared_folder)


@pytest.fixture(scope="module")
def own_app(shared_folder, start_shared_app):
    """An app whose runs come and go, started once for all tests of them."""
    running = start_shared_app(shared_folder)
    yield running
    running.stop()
    assert "Traceback" not in running.printed(), running.printed()


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def test_the_card_and_the_choice_follow_what_happens_on_the_disk(own_folder, own_app, open_page):
    """Another process trains on: its steps appear by themselves, its run in the opened list."""
    page = open_page(own_app.url)
    open_tab(page, "模型")
    contains(page, "model-progress", "12 步")
    with (own_folder / "checkpoints" / "novel" / "metrics.jsonl").open(
        "a", encoding="utf-8"
    ) as file:
        file.write(json.dumps({"step": 1234, "bpc": 6.0, "characters": 99, "seconds": 60.0}) + "\n")
    contains(page, "model-progress", "1,234 步")
    shutil.copytree(own_folder / "checkpoints" / "novel", own_folder / "checkpoints" / "another")
    (own_folder / "checkpoints" / "another" / "metrics.jsonl").unlink()
    page.locator("#model-run input").click()
    page.get_by_role("option", name="another").click()
    page.wait_for_selector("#model-no-curves:visible")
    uses(page, "another")


def test_a_run_in_training_is_followed_until_it_can_write(own_folder, own_app, open_page):
    young = shutil.copytree(
        own_folder / "checkpoints" / "novel", own_folder / "checkpoints" / "young"
    )
    (young / "model.safetensors").rename(own_folder / "weights")
    page = open_page(own_app.url)
    open_tab(page, "模型")
    page.locator("#model-training-curves").locator("canvas, svg").first.wait_for()
    assert "young · 训练中" in value(page, "model-watched")
    assert value(page, "model-training-corpus") == "novel.txt"
    with (young / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 1234, "bpc": 6.0, "characters": 99, "seconds": 60.0}) + "\n")
    contains(page, "model-training-progress", "1,234 步")
    page.locator("#model-run input").click()
    assert page.get_by_role("option", name="novel").is_visible()
    assert page.get_by_role("option").count() == 1
    page.keyboard.press("Escape")
    (own_folder / "weights").rename(young / "model.safetensors")
    page.locator("#model-training").wait_for(state="hidden")
    page.locator("#model-refresh").click()
    page.locator("#model-run input").click()
    page.get_by_role("option", name="young").wait_for()
    page.keyboard.press("Escape")
    # The next training is followed as well, by a page that still names the last one.
    next_run = shutil.copytree(young, own_folder / "checkpoints" / "next")
    (next_run / "model.safetensors").unlink()
    page.locator("#model-training").wait_for()
    expect(page.locator("#model-watched input")).to_have_value("next · 训练中")
    assert "Traceback" not in own_app.printed()


def test_a_strangers_run_breaks_nothing_and_one_that_goes_is_missed(own_folder, own_app, open_page):
    (own_folder / "checkpoints" / "novel" / "metrics.jsonl").write_text(
        f'{{"step": 1{"0" * 400}}}\n{"[" * 100_000}\n', encoding="utf-8"
    )
    page = open_page(own_app.url)
    open_tab(page, "模型")
    page.wait_for_selector("#model-no-curves:visible")
    assert not page.locator("#model-problem").is_visible()
    (own_folder / "checkpoints" / "novel").rename(own_folder / "checkpoints" / "renamed")
    page.locator("#model-problem").wait_for()
    assert "“novel”" in value(page, "model-problem")
    assert value(page, "model-corpus") == "—"
    page.locator("#model-run input").click()
    page.locator("#model-problem").wait_for(state="hidden")
    uses(page, "renamed")
    begins(page, "model-corpus", "novel.txt")
    assert "Traceback" not in own_app.printed()


def test_the_page_begins_with_the_run_that_is_newest_when_it_is_opened(
    own_folder, own_app, open_page
):
    uses(open_page(own_app.url), "novel")
    later = (
        shutil.copytree(own_folder / "checkpoints" / "novel", own_folder / "checkpoints" / "later")
        / "model.safetensors"
    )
    os.utime(later, (later.stat().st_mtime + 60,) * 2)
    page = open_page(own_app.url)
    uses(page, "later")
    open_tab(page, "对比")
    page.locator("#compare-runs").get_by_text("later").wait_for()


def test_a_grid_is_stopped_and_the_finished_rows_stay(page, settled):
    open_tab(page, "对比")
    page.locator("#compare-prompt textarea").fill(PROMPT)
    box = page.locator("#compare-temperatures input")
    for number in range(10, 45):
        box.fill(f"1.{number}")
        box.press("Enter")
    box.press("Escape")
    stop = page.locator("#compare-stop")
    expect(stop).to_be_disabled()
    page.locator("#compare-start").click()
    expect(stop).to_be_enabled()
    page.wait_for_function(
        "/^[1-9]/.test(document.querySelector('#compare-status textarea').value)"
    )
    stop.click()
    begins(page, "compare-status", "已停止")
    settled(page)
    line = value(page, "compare-status")
    assert line.startswith("已停止")
    with page.expect_download() as download:
        page.locator("#compare-csv").click()
    rows = download.value.path().read_text(encoding="utf-8").splitlines()[1:]
    assert f" {len(rows)}/40 " in line
    expect(stop).to_be_disabled()


def test_without_a_run_a_training_is_offered_shown_and_cancelled(tmp_path, start_app, open_page):
    app = start_app(tmp_path)
    page = open_page(app.url)
    page.locator("#training-start").click()
    bar = page.locator("#training-progress")
    bar.get_by_text("novel-tiny").wait_for()
    visitor = open_page(app.url, locale="en-US")
    visitor.locator("#training-progress").get_by_text("%").wait_for()
    assert visitor.locator("#training-progress progress").evaluate(
        "bar => bar.value > 0 && bar.value < 1"
    )
    page.locator("#training-cancel").click()
    bar.get_by_text("训练已取消").wait_for()
    visitor.locator("#training-start").wait_for()
    assert not list((tmp_path / "checkpoints").glob("novel*"))
    page.locator("#training-start").click()
    bar.get_by_text("novel-tiny").wait_for()
    for each in (page, visitor):
        each.close()  # or they would complain of the app's end
    app.stop()  # and the training with it
    assert not list((tmp_path / "checkpoints").glob("novel*"))


def test_a_run_that_appears_is_chosen_and_the_offer_goes(own_folder, start_app, open_page):
    (own_folder / "checkpoints").rename(own_folder / "elsewhere")
    app = start_app(own_folder)
    page = open_page(app.url)
    page.locator("#training-start").wait_for()
    (own_folder / "elsewhere").rename(own_folder / "checkpoints")
    page.locator("#training-panel").wait_for(state="hidden")
    uses(page, "novel")
