"""The lab's sampling of a lot: which plan is due, and the entry for what was found.

The severity that is due follows from the samples in the ledger by the switching rules.
Neighbours: `tables` holds the plans, `lab` the entries, `vision.statistics.sampling_plans` the arithmetic.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from edge_runtime.ledger.lab_models import SampleRow
from vision.errors import ConfigError
from vision.statistics.sampling_plans import (
    LotResult,
    RepeatPlan,
    SamplingScheme,
    Severity,
    SinglePlan,
    Switch,
    next_severity,
    p_accept,
    p_accept_repeat,
    single_plan,
)

Row = dict[str, Any]
#: Shares of bad balls that the operating characteristic is told for.
OC_SHARES = (0.005, 0.01, 0.02, 0.04, 0.05, 0.065, 0.08, 0.10, 0.15, 0.20, 0.30)


def aql_name(scheme: SamplingScheme, wanted: str) -> str:
    """The table's name of an AQL, so that 4 finds 4.0.

    Raises:
        ConfigError: the table has no such AQL.
    """
    names = {float(name): name for name in scheme.normal.plans}
    try:
        return names[float(wanted)]
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"there is no AQL {wanted}", where="--aql", todo=f"one of {', '.join(scheme.normal.plans)}"
        ) from error


def plan_for(scheme: SamplingScheme, lot_size: int, aql: str, severity: Severity) -> SinglePlan:
    """The plan for a lot.

    Raises:
        ConfigError: a lot of fewer than two balls.
    """
    try:
        return single_plan(scheme, lot_size, aql, severity)
    except ValueError as error:
        raise ConfigError(
            str(error), where="lot size", todo="give the number of balls by --lot-size"
        ) from error


def due_severity(connection: sa.Connection, scheme: SamplingScheme, aql: str, *, lot: str) -> Switch:
    """Severity due for a lot after the samples of the lots before it, by the same AQL.

    Raises:
        ConfigError: lots were sampled with another severity than the rules ask for.
    """
    newer = sa.orm.aliased(SampleRow)
    query = (
        sa.select(SampleRow)
        .where(SampleRow.aql == aql, SampleRow.lot != lot)
        .where(~sa.exists().where(newer.supersedes == SampleRow.id))
        .order_by(SampleRow.id)
    )
    results = [_result(dict(row), scheme, aql) for row in connection.execute(query).mappings()]
    try:
        return next_severity(results, scheme.switching)
    except ValueError as error:
        raise ConfigError(
            f"the severity cannot be told from the samples in the ledger: {error}",
            where="ledger",
            todo="name the severity with --severity",
        ) from error


def _result(row: Row, scheme: SamplingScheme, aql: str) -> LotResult:
    severity: Severity = row["severity"]
    names = list(scheme.normal.plans)
    place = names.index(aql)
    stricter = None
    if place > 0:
        plan = single_plan(scheme, row["lot_size"], names[place - 1], severity)
        stricter = plan.accept
    accepted = row["nonconforming"] < row["reject"]
    return LotResult(severity, accepted, row["nonconforming"], row["accept"], stricter)


def plan_json(
    scheme: SamplingScheme, plan: SinglePlan, lot_size: int, aql: str, severity: Severity, repeat: RepeatPlan
) -> Row:
    """The plan, what it lets through, and the lab's own plan beside it."""
    return {
        "scheme": scheme.name,
        "level": scheme.level,
        "aql": aql,
        "severity": severity,
        "lot_size": lot_size,
        "letter": plan.letter,
        "sample_size": plan.sample_size,
        "accept": plan.accept,
        "reject": plan.reject,
        "all_balls": plan.all_balls,
        "unverified": list(scheme.unverified()),
        "source": scheme.table(severity).source,
        "p_accept": {f"{share:g}": round(p_accept(plan, share, lot_size), 4) for share in OC_SHARES},
        "repeat_plan": {
            "name": repeat.name,
            "places": repeat.places,
            "source": repeat.source,
            "verified": repeat.verified,
            "p_accept": {f"{share:g}": round(p_accept_repeat(repeat, share), 4) for share in OC_SHARES},
        },
    }


def plan_text(data: Row) -> str:
    """The plan on a terminal."""
    repeat = data["repeat_plan"]
    whole = " (all balls)" if data["all_balls"] else ""
    lines = [
        f"{data['scheme']} level {data['level']}, {data['severity']}, AQL {data['aql']}, "
        f"{data['lot_size']} balls: letter {data['letter']}, draw {data['sample_size']}{whole}, "
        f"accept up to {data['accept']}, reject from {data['reject']}",
        f"source: {data['source']}",
    ]
    if data["unverified"]:
        lines.append(f"NOT VERIFIED by anybody: {', '.join(data['unverified'])}")
    lines.append(f"{'bad balls in the lot':>20} {'accepted':>10} {repeat['name']:>26}")
    for share, chance in data["p_accept"].items():
        other = repeat["p_accept"][share]
        lines.append(f"{100 * float(share):>18.1f} % {chance:>10.3f} {other:>26.3f}")
    return "\n".join(lines)


def single_entry(
    scheme: SamplingScheme, plan: SinglePlan, aql: str, severity: Severity, lot_size: int
) -> Row:
    """Fields of an entry by a single sampling plan."""
    return {
        "plan": f"{scheme.name} {scheme.level}, AQL {aql}, {severity}",
        "aql": aql,
        "severity": severity,
        "stage": 1,
        "lot_size": lot_size,
        "sample_size": plan.sample_size,
        "accept": plan.accept,
        "reject": plan.reject,
    }


def repeat_entry(plan: RepeatPlan, stage: int, lot_size: int) -> Row:
    """Fields of an entry by the lab's own plan; `stage` 1 or 2."""
    size, accept = (
        (plan.first_size, plan.first_accept) if stage == 1 else (plan.second_size, plan.second_accept)
    )
    return {
        "plan": f"{plan.name}: sample {stage}",
        "aql": None,
        "severity": None,
        "stage": stage,
        "lot_size": lot_size,
        "sample_size": size,
        "accept": accept,
        "reject": accept + 1,
    }
