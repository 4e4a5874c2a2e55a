"""The audit of data sets: leaks between splits, broken files, wrong boxes, drift of classes.

`audit_sets(folders)` gives an `AuditReport`; `AuditReport.raise_if_failed` stops a build.
docs/data_audit.md says what each finding means and how good the search for copies is.
"""

from datasets.audit.findings import AuditedSet, AuditError, AuditReport, Finding
from datasets.audit.run import audit_sets, data_folders

__all__ = ["AuditError", "AuditReport", "AuditedSet", "Finding", "audit_sets", "data_folders"]
