"""Ray Tune over the rail detector: which learning rate, zoom and share of composed pictures serve best.

    pip install 'ferrogate[train]' 'ray[tune]'
    python docs/examples/tune_rail.py --data data/rail --weights runs/steel/weights.pt --trials 12

The val split stays unseen: of the train frames, whole groups are held out, and a trial is scored on those.
What wins here is trained again on all train frames by `ferrogate train rail`, and measured by
`ferrogate evaluate rail`. A trial is one process with the CPUs or the GPU given to it; on a cluster Ray
places trials on its machines, and the data folder must lie where all of them see it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from datasets.folders import place_file, whole_folder
from datasets.records import DataSet, read_coco, write_coco
from datasets.subsets import draw_blocks
from datasets.training_run import TrainSettings

#: Share of the train frames that trials are scored on.
HELD_OUT = 0.25


def make_inner_split(data: Path, out: Path, seed: int) -> None:
    """A data folder whose val split is held out of the train split of `data`, by whole groups."""
    frames = inner_split(read_coco(data / "frames"), seed)
    train = {sample.file for sample in frames.of_split("train")}
    composed = read_coco(data / "composed")
    # A composed picture shows the frame it was made of: it may not come from a held-out one.
    seen = tuple(sample for sample in composed.samples if sample.truth.get("background") in train)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (("frames", frames), ("composed", composed.model_copy(update={"samples": seen}))):
        with whole_folder(out / name) as part:
            for sample in content.samples:
                place_file(data / name / sample.file, part / sample.file)
            write_coco(content, part)


def inner_split(whole: DataSet, seed: int) -> DataSet:
    """The train frames alone, some of their groups as val."""
    train = whole.of_split("train")
    drawn = draw_blocks(whole, round(len(train) * (1.0 - HELD_OUT)), seed).of_split("train")
    groups = {sample.group for sample in drawn}
    samples = tuple(
        sample.model_copy(update={"split": "train" if sample.group in groups else "val"}) for sample in train
    )
    return whole.model_copy(update={"samples": samples})


def settings_of(config: dict[str, Any]) -> TrainSettings:
    """The plan's rail stage with what a trial changes."""
    from training.plans import default_settings

    plan = default_settings("rail", epochs=config["epochs"], pretrain_epochs=0)
    stage = plan.stages[-1]
    frames, composed = stage.sources
    share = config["composed_share"]
    changed = stage.model_copy(
        update={
            "learning_rate": config["learning_rate"],
            "zoom": (1.0 / config["zoom"], config["zoom"]),
            "samples_per_epoch": config["samples"],
            "sources": (
                frames.model_copy(update={"share": 1.0 - share}),
                composed.model_copy(update={"share": share}),
            ),
        }
    )
    update = {"stages": (changed,), "threads": config["threads"], "device": config["device"]}
    return TrainSettings.model_validate({**plan.model_dump(), **update})


def trial(config: dict[str, Any]) -> None:
    """Train once and report the mAP50 on the held-out frames."""
    from ray import tune

    tune.report(score(config, Path.cwd() / "run"))


def score(config: dict[str, Any], run: Path) -> dict[str, float]:
    """Train with a trial's settings into `run`, and score the held-out frames."""
    from datasets.scoring.coco import coco_figures, mean_ap
    from datasets.scoring.pictures import score_pictures
    from training.evaluation.rail import rail_look
    from training.evaluation.subject import open_subject
    from training.train import train

    data = Path(config["data"])
    weights = Path(config["weights"]) if config["weights"] else None
    settings = settings_of(config)
    train("rail", data, run, settings, "docs/examples/tune_rail.py", _say, start_weights=weights)
    detector = open_subject("rail", run, None, threads=max(1, config["threads"])).detector
    frames = read_coco(data / "frames")
    scored = score_pictures(frames, ("val",), data / "frames", rail_look(detector), detector.contract.labels)
    figures = coco_figures(scored)
    return {"map50": mean_ap(figures)[0], **{f"ap50_{name}": one.ap50 for name, one in figures.items()}}


def _say(stage: str, epoch: int, epochs: int, losses: dict[str, float]) -> None:
    print(f"{stage} {epoch}/{epochs}: {losses}", flush=True)


def main() -> None:
    """Tune, and print the best settings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/rail"))
    parser.add_argument("--weights", type=Path, help="weights.pt of 'ferrogate train steel' (default: none)")
    parser.add_argument("--out", type=Path, default=Path("runs/tune"))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--samples", type=int, default=1440)
    parser.add_argument("--cpus", type=int, default=2, help="of each trial")
    parser.add_argument("--gpus", type=float, default=0.0, help="of each trial; 0.5: two share one")
    args = parser.parse_args()

    from ray import tune

    # A trial's process lies in a folder of its own: every path must be whole.
    inner = (args.out / "data").resolve()
    make_inner_split(args.data, inner, seed=1)
    # Ray starts its workers elsewhere; they must find this checkout where it is not installed.
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    space = {
        "learning_rate": tune.loguniform(3e-4, 3e-3),
        "zoom": tune.uniform(1.1, 1.6),
        "composed_share": tune.uniform(0.1, 0.7),
        "epochs": args.epochs,
        "samples": args.samples,
        "threads": args.cpus,
        "device": "0" if args.gpus else "cpu",
        "data": str(inner),
        "weights": str(args.weights.resolve()) if args.weights else "",
    }
    tuner = tune.Tuner(
        tune.with_resources(trial, {"cpu": args.cpus, "gpu": args.gpus}),
        param_space=space,
        tune_config=tune.TuneConfig(metric="map50", mode="max", num_samples=args.trials),
        run_config=tune.RunConfig(storage_path=str(args.out.resolve()), name="trials"),
    )
    best = tuner.fit().get_best_result()
    chosen = {key: best.config[key] for key in ("learning_rate", "zoom", "composed_share")}
    print(f"best of {args.trials}: mAP50 {best.metrics['map50']:.3f} on the held-out frames with {chosen}")


if __name__ == "__main__":
    main()
