"""The report of the Model tab, in the browser."""

import zipfile

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_a_report_is_written_and_can_be_taken_along(open_page, tmp_path):
    page = open_page(locale="en-US")
    page.get_by_role("tab", name="Model").click()
    page.get_by_text("A report about this run").click()
    page.locator("#report-author input, #report-author textarea").first.fill("张三")
    page.get_by_label("Word (.docx)").uncheck()
    page.get_by_role("button", name="Write the report", exact=True).click()
    expect(page.get_by_text("choose at least one format")).to_be_visible()
    stop = page.locator("#report-stop")
    expect(stop).to_be_disabled()
    page.get_by_label("Word (.docx)").check()
    page.get_by_role("button", name="Write the report", exact=True).click()
    expect(stop).to_be_enabled()
    link = page.locator("#report-files a").first
    expect(link).to_be_visible(timeout=300_000)
    expect(stop).to_be_disabled()
    with page.expect_download() as download:
        link.click()
    path = tmp_path / "report.docx"
    download.value.save_as(path)
    assert "张三" in zipfile.ZipFile(path).read("word/document.xml").decode()
