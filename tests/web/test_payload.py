from types import SimpleNamespace

import pytest

from novelgen.web.services.attention import choose, payload
from novelgen.web.services.streaming import write


@pytest.fixture
def shown(toy):
    """A paragraph of twelve tokens, as the Attention tab shows it."""
    registry = SimpleNamespace(
        generator=lambda name: toy.generator(favour={2: -99.0}),
        weights=lambda name: 1,
        is_validated=lambda name: True,
    )
    options = {"decoder": "sample", "seed": 11, "max_length": 12}
    *_, result = write(registry, "run", "宝玉笑道：“我来了。”", options)
    return choose(result, {})


@pytest.mark.parametrize(("asked", "selected"), [(0, 0), (5, 5), (99, 11), (-3, 0)])
def test_a_token_that_is_there_is_selected(shown, asked, selected):
    assert payload(shown, asked)["selected"] == selected
