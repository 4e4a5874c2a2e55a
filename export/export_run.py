"""Exports a run: graph, parity check, operating point, contract, INT8 and bf16 behind their gate, model card.

The files are written last and together, so a refusal or a kill leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets.extra import require_training
from datasets.scoring.coco import ApFigures, coco_figures, mean_ap
from datasets.scoring.costs import load_costs
from datasets.scoring.operating_point import Chosen, choose_operating_points
from datasets.scoring.pictures import score_pictures
from datasets.scoring.sound_balls import score_sound_balls
from datasets.training_run import TrainingManifest
from export.batch import check_company, free_batch
from export.golden import GOLDEN_PICTURES, golden_sha256, verdicts_of
from export.machine import this_machine
from export.network import load_network, run_network, to_onnx, with_contract
from export.parity import Parity, compare
from export.quantise import open_session
from export.run_data import (
    InputPicture,
    LabelledFolder,
    draft_contract,
    draw_pictures,
    looker,
    open_data,
    open_run,
    real_pictures,
    val_set,
)
from export.variants import Reference, Variant, try_bf16, try_int8
from export.whole_file import check_target, write_whole
from vision.contract import ModelContract
from vision.detector import Detector
from vision.errors import ConfigError
from vision.preprocess import preprocess

CALIBRATION_PICTURES = 200
PARITY_PICTURES = 100

Station = Literal["rail", "ball"]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class ExportReport:
    """What was written and how it did on the val split.

    Attributes:
        file: the FP32 file.
        content: its bytes.
        contract: its contract.
        manifest: of the run it came from.
        parity: network against file.
        figures: average precision per label on the val split.
        map50: their mean.
        val_pictures: pictures of the val split.
        chosen: thresholds, calibration, operating points.
        variants: files of lower precision that were tried.
        files: everything written, sizes in bytes.
    """

    file: Path
    content: bytes
    contract: ModelContract
    manifest: TrainingManifest
    parity: Parity
    figures: dict[str, ApFigures]
    map50: float
    val_pictures: int
    chosen: Chosen
    variants: tuple[Variant, ...]
    files: dict[str, int]
    machine: str


def write_draft(station: Station, run: Path, out: Path) -> int:
    """Write a run's network as it is, with thresholds that hide nothing, to be measured; returns its size.

    Raises:
        ConfigError: the run or the output's folder does not fit.
    """
    check_target(out)
    manifest = open_run(run, station)
    contract = draft_contract(manifest)
    content = with_contract(free_batch(to_onnx(load_network(run, manifest), contract)), contract)
    write_whole({out: content})
    return len(content)


def export_run(
    station: Station,
    run: Path,
    out: Path,
    data_folder: Path | None = None,
    *,
    costs: Path | None = None,
    int8: bool = True,
    bf16: bool = False,
    command: str = "",
    say: Say = lambda _: None,
    progress: bool = False,
) -> ExportReport:
    """Export a run.

    Args:
        station: whose run it is.
        run: folder of 'ferrogate train'.
        out: the ONNX file to write; its folder must exist. INT8 goes to NAME_int8.onnx beside it, the
            card to MODEL_CARD_NAME.md.
        data_folder: the data the run was trained on; None: where it lay then.
        costs: file of costs; None: the package's.
        int8, bf16: try these forms.
        command: as typed, for the card.
        say: told what is being done.
        progress: show a bar while the val pictures are looked at.

    Raises:
        ConfigError: the run, its data or the output's folder do not fit, or the disk is full.
        FerrogateError: the file disagrees with the network, or the training extra is missing.
    """
    require_training("torch", "ultralytics", "onnx", "onnxslim", "faster_coco_eval")
    check_target(out)
    manifest = open_run(run, station)
    station_costs = load_costs(costs, station)
    sets = open_data(manifest, data_folder)
    val = val_set(sets)
    network = load_network(run, manifest)
    draft = draft_contract(manifest)
    say("writing the graph")
    model = free_batch(to_onnx(network, draft))
    draft_bytes = with_contract(model, draft)
    golden = draw_pictures(sets, "val", draft, GOLDEN_PICTURES)
    say(f"comparing network and file on {len(golden[:PARITY_PICTURES])} pictures")
    parity = network_against_file(network, draft_bytes, draft, golden[:PARITY_PICTURES])
    parity.check(str(run))
    check_company(draft_bytes, [preprocess(picture.pixels, draft.input)[0] for picture in golden[:4]])
    say(f"looking at {len(val.data.of_split('val'))} val pictures")
    detector = Detector(draft_bytes, out.name, station=station, threads=1)
    scored = score_pictures(val.data, ["val"], val.folder, looker(detector), draft.labels, progress=progress)
    figures = coco_figures(scored)
    map50 = mean_ap(figures)[0]
    if map50 != map50:
        raise ConfigError(
            "the val split shows no labelled object: neither thresholds nor a gate can be had from it",
            where=str(val.folder),
            todo="build a larger set",
        )
    more = None
    if station == "ball":
        say("looking at the sound balls of the train split")
        more = score_sound_balls(val.data, val.folder, looker(detector), draft.labels, progress=progress)
    chosen = choose_operating_points(scored, station, station_costs, more=more)
    contract = ModelContract.model_validate(
        draft.model_dump()
        | {
            "thresholds": chosen.thresholds,
            "calibration": chosen.calibration,
            "operating_points": chosen.points,
            "golden_sha256": golden_sha256(golden),
        }
    )
    content = with_contract(model, contract)
    reference = _reference(model, content, contract, map50, val, golden)
    variants = _variants(reference, sets, int8=int8, bf16=bf16, say=say)
    report = ExportReport(
        file=out,
        content=content,
        contract=contract,
        manifest=manifest,
        parity=parity,
        figures=figures,
        map50=map50,
        val_pictures=len(scored.pictures),
        chosen=chosen,
        variants=variants,
        files={},
        machine=this_machine(),
    )
    report.files.update(_write(report, run, command))
    return report


def variant_path(out: Path, precision: str) -> Path:
    """Where a form of lower precision lies beside `out`: rail.onnx, rail_int8.onnx."""
    return out.with_name(f"{out.stem}_{precision}{out.suffix}")


def card_path(out: Path) -> Path:
    """Where the card of `out` lies."""
    return out.with_name(f"MODEL_CARD_{out.stem}.md")


def network_against_file(
    network: Any,
    content: bytes,
    contract: ModelContract,
    pictures: Sequence[InputPicture],
) -> Parity:
    """Run both on the same tensors, with the product's own preprocessing."""
    session, spec = open_session(content), contract.input
    tensors = (preprocess(picture.pixels, spec)[0] for picture in pictures)
    return compare(
        (run_network(network, tensor), session.run([contract.output.name], {spec.name: tensor})[0])
        for tensor in tensors
    )


def _reference(
    model: Any,
    content: bytes,
    contract: ModelContract,
    map50: float,
    val: LabelledFolder,
    golden: Sequence[InputPicture],
) -> Reference:
    detector = Detector(content, "fp32", threads=1)
    return Reference(model, content, contract, map50, val, golden, verdicts_of(detector, golden))


def _variants(
    reference: Reference, sets: Sequence[LabelledFolder], *, int8: bool, bf16: bool, say: Say
) -> tuple[Variant, ...]:
    found = []
    if int8:
        # Ranges are measured on photographs, not on pictures composed of them.
        photographs = real_pictures(sets, "train")
        calibration = draw_pictures(photographs, "train", reference.contract, CALIBRATION_PICTURES)
        found.append(try_int8(reference, calibration, say))
    if bf16:
        found.append(try_bf16(reference, say))
    return tuple(found)


def _write(report: ExportReport, run: Path, command: str) -> dict[str, int]:
    from export.card import model_card

    out = report.file
    kept = {v.precision: v.content for v in report.variants if v.content is not None}
    files = {variant_path(out, precision): content for precision, content in kept.items()}
    files[card_path(out)] = model_card(report, run, command).encode()
    files[out] = report.content
    # A form that an earlier export left here would not belong to this file.
    stale = tuple(variant_path(out, name) for name in ("int8", "bf16") if name not in kept)
    write_whole(files, stale)
    return {str(path): len(content) for path, content in files.items()}
