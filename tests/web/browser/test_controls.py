"""The controls of how the model decodes, in the browser."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def number(page, name):
    return page.locator(f"#write-{name} input[type=number]")


def test_a_preset_sets_its_controls_says_so_and_everything_is_kept(page, settled):
    preset = page.locator("#write-preset")
    page.locator("#write-decoder label").nth(2).click()
    page.wait_for_selector("#write-temperature", state="hidden")
    expect(preset.locator("input:checked")).to_have_count(0)
    values = []
    for place in range(3):
        preset.locator("label").nth(place).click()
        settled(page)
        values.append(float(number(page, "temperature").input_value()))
        expect(preset).to_contain_text(f"温度 {values[-1]:g}")
        expect(preset.locator("input").nth(place)).to_be_checked()
    assert values == sorted(set(values))
    # What is typed stays within the bounds, beyond which Gradio answers with an error.
    number(page, "temperature").fill("9")
    expect(number(page, "temperature")).to_have_value("2")
    expect(preset).to_contain_text("自定设置")
    number(page, "temperature").fill(f"{values[-1]:g}")
    settled(page)

    # What is no longer a preset says so, and comes back after a reload, in the closed part too.
    page.locator("#write-more > button").click()
    number(page, "top-k").fill("17")
    number(page, "top-k").press("Tab")
    cast = page.locator("#write-cast textarea")
    # As an input method does it, without a key.
    cast.fill("小满、何三爷")
    cast.press("Tab")
    expect(preset.locator("input:checked")).to_have_count(0)
    expect(preset).to_contain_text("自定设置")
    settled(page)
    page.reload()
    settled(page)
    expect(number(page, "temperature")).to_have_value(f"{values[-1]:g}")
    expect(preset).to_contain_text("自定设置")
    page.locator("#write-more > button").click()
    expect(number(page, "top-k")).to_have_value("17")
    expect(cast).to_have_value("小满、何三爷")
