import pytest

from novelgen import errors

KINDS = [errors.CorpusError, errors.ConfigError, errors.CheckpointError, errors.TrainingError]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_catches_the_programs_errors_catches_every_kind(kind):
    with pytest.raises(errors.NovelgenError, match=r"^what to do$"):
        raise kind("what to do")


def test_the_kinds_are_apart():
    assert not any(issubclass(one, other) for one in KINDS for other in KINDS if one is not other)
