//! Drills as JUnit XML, for what shows tests: a suite a runbook, a case a scenario. The form is that of the Jenkins plugin's schema, in the
//! part that all readers share.

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{Drilled, Report};

/// The document.
pub(super) fn xml(report: &Report) -> String {
    let mut junit = Junit::new("runbook drill");
    let mut suites: Vec<TestSuite> = Vec::new();
    for drilled in &report.drills {
        if suites.last().is_none_or(|suite| suite.name.as_str() != drilled.runbook) {
            suites.push(TestSuite::new(drilled.runbook.as_str()));
        }
        if let Some(suite) = suites.last_mut() {
            suite.add_test_case(case(drilled));
        }
    }
    junit.add_test_suites(suites);
    junit.to_string().unwrap_or_default()
}

fn case(drilled: &Drilled) -> TestCase {
    let status = if drilled.ok { TestCaseStatus::success() } else { failed(drilled) };
    let mut case = TestCase::new(drilled.scenario.as_str(), status);
    case.set_classname(drilled.runbook.as_str()).set_time(std::time::Duration::from_millis(drilled.took_ms));
    case
}

fn failed(drilled: &Drilled) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let line =
        |difference: &crate::drill::Difference| format!("{}: expected {}, got {}", difference.what, difference.expected, difference.got);
    let lines: Vec<String> = drilled.differences.iter().map(line).collect();
    status.set_message(lines.first().cloned().unwrap_or_default()).set_description(lines.join("\n"));
    status
}
