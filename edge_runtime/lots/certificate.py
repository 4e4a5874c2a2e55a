"""Quality certificates: what one says, its number, and its place in the ledger.

Numbers run from 1 without gaps: number, entry and file come to be together or not at all. A certificate is
never changed; a new one supersedes it. What cannot be vouched for (a limit that nobody compared with its
source, balls without an outcome) is a doubt: the paper is then a draft without number, watermarked, and has
no lines to sign on. Neighbour: `certificate_report` prints it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import DBAPIError

from edge_runtime import strict_yaml
from edge_runtime.ledger.lab_models import CertificateRow
from edge_runtime.ledger.models import PartRow
from edge_runtime.ledger.store import writing
from edge_runtime.lots.data import LotData
from edge_runtime.lots.hardness import ball_hardness
from edge_runtime.lots.lab_section import LabData
from edge_runtime.lots.statistics import LotFigures
from vision.errors import ConfigError, LedgerError
from vision.recipe import BallRecipe

_TODO = "'ferrogate lot PLACE show LOT' lists the lot's certificates"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=400)


class CertificateDetails(_Strict):
    """What only people know; a YAML file with these keys, and options of the command on top of it.

    `chemistry` maps an element to its share in percent.
    """

    maker: str = Field(min_length=1)
    maker_address: str = ""
    trademark: str = ""
    consumer: str = ""
    contract: str = ""
    order: str = ""
    steel_grade: str = ""
    heat: str = ""
    chemistry: dict[str, float] = {}
    net_mass_kg: float | None = Field(default=None, gt=0.0)
    packaging: str = ""
    note: str = ""


class Doubt(_Strict):
    """Why a certificate cannot be signed: a word of the catalogue `doubt`, and its details."""

    code: str
    detail: str = ""


class Certificate(_Strict):
    """All that a certificate says; kept in the ledger as it was issued.

    `sizes` are the fields of `SizeStatistics` of the accepted balls; `hardness` and `samples` the lab's
    entries.
    """

    number: int | None
    supersedes: int | None
    lot: str
    by_name: str
    utc_ns: int
    details: CertificateDetails
    recipe: dict[str, Any]
    recipe_sha256: str
    doubts: tuple[Doubt, ...]
    first_utc_ns: int
    last_utc_ns: int
    balls: int
    accepted: int
    rejected: int
    reasons: dict[str, int]
    sizes: dict[str, float | int | None] | None
    hardness: list[dict[str, Any]]
    samples: list[dict[str, Any]]

    @property
    def can_be_signed(self) -> bool:
        """No doubt is left."""
        return not self.doubts

    def ball_recipe(self) -> BallRecipe:
        """The recipe as it was."""
        return BallRecipe.model_validate(self.recipe)


def load_details(path: Path | None, options: dict[str, Any]) -> CertificateDetails:
    """Details from a file, with the options that were given (not None) on top.

    Raises:
        ConfigError: the file cannot be read, or a field is wrong or missing.
    """
    tree: Any = {}
    if path is not None:
        try:
            tree = strict_yaml.load(path.read_text(encoding="utf-8"))
            tree = {} if tree is None else tree
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ConfigError(
                f"the details cannot be read: {getattr(error, 'strerror', None) or error}",
                where=str(path),
                todo="check the file",
            ) from error
        if not isinstance(tree, dict):
            raise ConfigError(
                "the details are no mapping", where=str(path), todo="write 'maker: ...' and so on"
            )
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return CertificateDetails.model_validate({**tree, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{name}: {first['msg']}",
            where=str(path or "command line"),
            todo="give --maker, or a file of details by --details",
        ) from error


def choose_recipe(found: dict[str, Any] | None, given: BallRecipe | None, lot: LotData) -> BallRecipe:
    """The recipe a lot was judged with; one from a file may add sources and `verified`, not other limits.

    Args:
        found: the recipe that the ledger holds for most of the lot's balls; None when it holds none.
        given: the recipe file of the command line.
        lot: for the error's text.

    Raises:
        ConfigError: there is none, or the file has other limits than the balls were judged by.
    """
    if found is None and given is None:
        raise ConfigError(
            f"the ledger does not hold the recipe of lot '{lot.lot}'",
            where="ledger",
            todo="name the recipe file with --recipe",
        )
    if found is None:
        assert given is not None
        return given
    judged = BallRecipe.model_validate(found)
    if given is None:
        return judged
    if _limits(judged.model_dump(mode="json")) != _limits(given.model_dump(mode="json")):
        raise ConfigError(
            "this recipe has other limits than the one that the lot was judged by",
            where=f"--recipe, product '{given.product}'",
            todo="take the recipe of that time; only sources, 'verified' and names may differ",
        )
    return given


def _limits(tree: Any) -> Any:
    """A recipe's dump without what does not change a verdict."""
    names = {"source", "verified", "product", "standard", "hardness"}
    if isinstance(tree, dict):
        return {key: _limits(value) for key, value in tree.items() if key not in names}
    return [_limits(value) for value in tree] if isinstance(tree, list) else tree


def draw_up(
    lot: LotData,
    figures: LotFigures,
    recipe: BallRecipe,
    lab: LabData,
    details: CertificateDetails,
    *,
    by_name: str,
    recipe_is_ledgers: bool,
) -> Certificate:
    """A certificate without number, with every doubt there is.

    Raises:
        ConfigError: nobody is named who issues it.
    """
    if not by_name.strip():
        raise ConfigError("nobody is named who issues it", where="--by", todo="give the name of the person")
    sizes = figures.accepted
    return Certificate(
        number=None,
        supersedes=None,
        lot=lot.lot,
        by_name=by_name,
        utc_ns=time.time_ns(),
        details=details,
        recipe=recipe.model_dump(mode="json"),
        recipe_sha256=recipe.sha256(),
        doubts=_doubts(lot, figures, recipe, lab, recipe_is_ledgers=recipe_is_ledgers),
        first_utc_ns=lot.first_utc_ns,
        last_utc_ns=lot.last_utc_ns,
        balls=lot.counts.balls - lot.counts.bypassed,  # nobody inspected those
        accepted=lot.counts.accepted,
        rejected=lot.counts.rejected,
        reasons=lot.reasons,
        sizes=None if sizes is None else {name: getattr(sizes, name) for name in sizes.__slots__},
        hardness=lab.hardness,
        samples=lab.samples,
    )


def _doubts(
    lot: LotData, figures: LotFigures, recipe: BallRecipe, lab: LabData, *, recipe_is_ledgers: bool
) -> tuple[Doubt, ...]:
    counts = lot.counts
    formula = lab.tables.volume_hardness
    volume = any(ball_hardness(row["readings"], formula).volume_hrc is not None for row in lab.hardness)
    sizes = figures.accepted
    found = (
        (bool(recipe.unverified()), "unverified", ", ".join(recipe.unverified())),
        (volume and not formula.verified, "formula", formula.source),
        (counts.unproven > 0, "unproven", str(counts.unproven)),
        (counts.wrong_chute > 0, "wrong_chute", str(counts.wrong_chute)),
        (counts.bypassed > 0, "bypassed", str(counts.bypassed)),
        (counts.contained > 0, "contained", str(counts.contained)),
        (counts.open > 0, "open", str(counts.open)),
        (counts.accepted == 0, "nothing_accepted", ""),
        (len(lot.recipes) > 1, "many_recipes", ", ".join(sha256[:12] for sha256 in lot.recipes)),
        (not recipe_is_ledgers, "recipe_not_in_ledger", recipe.sha256()[:12]),
        (counts.accepted > 0 and (sizes is None or sizes.count < counts.accepted), "not_measured", ""),
        (sizes is not None and sizes.expanded_mm is None, "no_uncertainty", ""),
    )
    return tuple(Doubt(code=code, detail=detail) for applies, code, detail in found if applies)


def issue(
    engine: sa.Engine,
    draft: Certificate,
    language: str,
    *,
    supersedes: int | None,
    write: Callable[[Certificate], None],
) -> Certificate:
    """Give a certificate its number, keep it, and write its file: all of it or nothing.

    Args:
        engine: ledger, opened to write.
        draft: without doubts.
        language: of the paper.
        supersedes: number of the certificate it takes the place of.
        write: writes the file; what it raises undoes the number.

    Raises:
        ConfigError: the draft has doubts; accepted balls of the lot have come in doubt since it was drawn up;
            the lot has a certificate that this one does not supersede; or the one it should supersede is of
            another lot or superseded.
        LedgerError: the database refuses; then there is no file either, or an old one is untouched.
    """
    if draft.doubts:
        raise ConfigError(
            "a certificate with doubts gets no number", where=draft.lot, todo="remove the doubts"
        )
    try:
        with writing(engine) as connection:
            _check_contained(connection, draft.lot)
            _check_supersedes(connection, draft.lot, supersedes)
            highest = connection.execute(sa.select(sa.func.max(CertificateRow.number))).scalar_one()
            issued = draft.model_copy(update={"number": (highest or 0) + 1, "supersedes": supersedes})
            row = {
                "number": issued.number,
                "lot": issued.lot,
                "by_name": issued.by_name,
                "language": language,
                "recipe_sha256": issued.recipe_sha256,
                "content": issued.model_dump(mode="json"),
                "utc_ns": issued.utc_ns,
                "supersedes": supersedes,
            }
            connection.execute(sa.insert(CertificateRow), row)
            write(issued)
    except DBAPIError as error:
        raise LedgerError(
            f"the certificate was not issued: {error.orig}",
            where=str(engine.url),
            todo="throw away the file if there is one: its number is not given; then try again",
        ) from error
    return issued


def _check_contained(connection: sa.Connection, lot: str) -> None:
    """Refuse a lot with accepted balls that a missed challenge has put in doubt.

    Nothing lifts this: balls that are inspected again come through the line as new parts, of a new lot.
    """
    query = (
        sa.select(PartRow.contained_by, sa.func.count(PartRow.id))
        .where(PartRow.lot == lot, PartRow.contained_by.is_not(None))
        .group_by(PartRow.contained_by)
    )
    found = {str(challenge): int(count) for challenge, count in connection.execute(query)}
    if found:
        raise ConfigError(
            f"{sum(found.values())} accepted balls of lot '{lot}' are in doubt: challenge "
            f"{', '.join(sorted(found))} was missed after they had passed",
            where=f"lot '{lot}'",
            todo="hold the lot back and let its balls be inspected again, as a new lot",
        )


def _check_supersedes(connection: sa.Connection, lot: str, supersedes: int | None) -> None:
    standing = [row["number"] for row in certificates_of(connection, lot) if row["superseded_by"] is None]
    if supersedes is None and standing:
        raise ConfigError(
            f"lot '{lot}' has certificate {standing[-1]} already",
            where="--supersedes",
            todo=f"give --supersedes {standing[-1]} to issue a new one in its place",
        )
    if supersedes is not None and supersedes not in standing:
        raise ConfigError(
            f"certificate {supersedes} is none of lot '{lot}' that stands", where="--supersedes", todo=_TODO
        )


def certificates_of(connection: sa.Connection, lot: str) -> list[dict[str, Any]]:
    """Certificates of a lot, oldest first: number, by_name, language, utc_ns, supersedes, superseded_by."""
    newer = sa.orm.aliased(CertificateRow)
    query = (
        sa.select(
            CertificateRow.number,
            CertificateRow.by_name,
            CertificateRow.language,
            CertificateRow.utc_ns,
            CertificateRow.supersedes,
            newer.number.label("superseded_by"),
        )
        .outerjoin(newer, newer.supersedes == CertificateRow.number)
        .where(CertificateRow.lot == lot)
        .order_by(CertificateRow.number)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def read_certificate(connection: sa.Connection, number: int) -> Certificate:
    """An issued certificate, to print it again.

    Raises:
        LedgerError: there is none of this number.
        ConfigError: accepted balls of its lot have come in doubt since it was issued.
    """
    query = sa.select(CertificateRow.content).where(CertificateRow.number == number)
    content = connection.execute(query).scalar_one_or_none()
    if content is None:
        raise LedgerError(f"there is no certificate {number}", where="ledger", todo=_TODO)
    certificate = Certificate.model_validate(content)
    _check_contained(connection, certificate.lot)
    return certificate
