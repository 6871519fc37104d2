from novelgen.config import Config, DataConfig, TextConfig
from novelgen.data.novel import Novel
from novelgen.data.prepare import open_or_build


def test_a_novel_gives_the_pairs_of_the_part_that_is_asked_for(novel, tmp_path):
    store = open_or_build([novel], TextConfig(), DataConfig(min_count=1), tmp_path / "stores")
    data = Novel(store, DataConfig(), [novel])
    sizes = {part: len(data.pairs(part)) for part in ("train", "valid", "test")}
    assert sizes == store.meta["pairs"]
    assert list(data.targets("test")) == list(store.texts("test"))


def test_a_run_takes_the_options_that_its_corpus_was_prepared_with(novel, tmp_path):
    store = open_or_build([novel], TextConfig(), DataConfig(min_count=1), tmp_path / "stores")
    # How pairs are made is the run's own choice.
    config = Config().replace(min_count=5, context_paragraphs=3)
    found = Novel(store, config.data, [novel]).configured(config, tmp_path)
    assert (found.data.min_count, found.data.context_paragraphs) == (1, 3)
