"""What holds for all tests: under `TECHCOMMERCE_STRICT=1` a test that does not run has failed."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

STRICT = os.environ.get("TECHCOMMERCE_STRICT") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not STRICT or not report.skipped:
        return report
    if hasattr(report, "wasxfail"):
        mark = item.get_closest_marker("xfail")
        # It is known to fail, and would be noticed if it no longer did.
        if mark and mark.kwargs.get("strict", item.config.getini("xfail_strict")):
            return report
        reason = f"expected to fail: {report.wasxfail}"
        del report.wasxfail
    else:
        reason = _reason(report)
    report.outcome = "failed"
    report.longrepr = f"skipped, which counts as failed here: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as failed here: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
