//! A course gone again and again, with something spoiled each time, and watched all the while.

use std::time::Instant;

use anyhow::Result;
use changeover_apiserver_tests::{Guard, Operator, Proxy, Sandbox, exchange};
use changeover_crds::Phase;
use changeover_figures::Figures;

use crate::courses::Course;

/// One course, gone again and again.
pub struct Run {
    pub sandbox: Sandbox,
    pub proxy: Proxy,
    pub operator: Operator,
    guard: Guard,
    pub course: Course,
    /// What is live.
    pub before: String,
    started: Instant,
    /// How many requests, or watches, were spoiled.
    pub spoiled: usize,
    pub figures: Figures,
}

impl Run {
    /// 1.0.0 is live.
    pub async fn new(course: Course, name: &str) -> Result<Self> {
        let started = Instant::now();
        let sandbox = Sandbox::new().await?;
        let guard = sandbox.guard();
        let proxy = sandbox.proxy().await?;
        let operator = sandbox.operator_through(&proxy, "one")?;
        sandbox.apply(&exchange("1.0.0")).await?;
        sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
        Ok(Self {
            sandbox,
            proxy,
            operator,
            guard,
            course,
            before: "1.0.0".to_owned(),
            started,
            spoiled: 0,
            figures: Figures::of("api-server", format!("{}, {name}", course.name())),
        })
    }

    /// Tells what was done, and what was seen meanwhile.
    pub async fn finish(mut self) -> Result<()> {
        let judged = self.guard.end().await?;
        self.figures.put("faults run", self.spoiled);
        for (what, count) in [
            ("invariants checked at states of Services", judged.states),
            ("ways to another colour", judged.led),
            ("comparisons", judged.together),
            ("violations", judged.violations.len()),
        ] {
            self.figures.put(what, count);
        }
        self.figures.took(self.started.elapsed());
        self.figures.tell()?;
        judged.assert_good()?;
        self.sandbox.finish().await
    }
}
