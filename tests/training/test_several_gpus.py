"""What training on several GPUs needs, without any: samples dealt once each, a trainer that can be sent."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.training.extra import needs_training

pytestmark = [pytest.mark.train, needs_training]


def test_every_sample_goes_to_one_gpu() -> None:
    from training.engine import EpochSampler

    samplers = [EpochSampler(10, first_epoch=4, rank=rank, gpus=3) for rank in range(3)]
    assert [len(sampler) for sampler in samplers] == [3, 3, 3]
    dealt = [list(sampler) for sampler in samplers]
    assert sorted(key for keys in dealt for key in keys) == [(4, number) for number in range(9)]
    # The epoch after, asked for by the loader on its own.
    again = [list(sampler) for sampler in samplers]
    assert {epoch for keys in again for epoch, _ in keys} == {5}


def test_a_loader_that_runs_ahead_names_the_right_epoch() -> None:
    """The engine's loader repeats its sampler for ever and fetches ahead."""
    from torch.utils.data import BatchSampler
    from ultralytics.data.build import _RepeatSampler

    from training.engine import EpochSampler

    endless = iter(_RepeatSampler(BatchSampler(EpochSampler(4, 0, 0, 1), 2, drop_last=False)))
    assert list(islice(endless, 5)) == [
        [(0, 0), (0, 1)], [(0, 2), (0, 3)], [(1, 0), (1, 1)], [(1, 2), (1, 3)], [(2, 0), (2, 1)],
    ]  # fmt: skip


def test_trainer_and_reporter_can_be_sent_to_another_process(tmp_path: Path) -> None:
    import cloudpickle

    from training.engine import StageTrainer
    from training.plans import RAIL
    from training.train import _Reporter

    def report(*_: object) -> None:
        print(tmp_path)

    content = {"trainer": StageTrainer, "callbacks": [_Reporter(RAIL, tmp_path, report)]}
    back = cloudpickle.loads(cloudpickle.dumps(content))
    assert back["trainer"] is StageTrainer
    assert back["callbacks"][0]._stage == RAIL


def test_only_the_first_process_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from training.plans import RAIL
    from training.train import _Reporter

    said: list[tuple[object, ...]] = []
    reporter = _Reporter(RAIL, tmp_path, lambda *line: said.append(line))
    trainer = SimpleNamespace(tloss={"box_loss": 1.0}, epoch=0)
    monkeypatch.setenv("RANK", "1")
    reporter(trainer)
    assert not said
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("RANK", "0")
    reporter(trainer)
    assert len(said) == 1
    assert (tmp_path / "losses.jsonl").read_text(encoding="utf-8").count("\n") == 1
