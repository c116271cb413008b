//! Stories of releases. Each is a test, and each is run again under every fault.

use serde_json::Value;

use crate::model::{Pass, Story, World};

mod approval;
mod bake;
mod children;
mod commands;
mod conditions;
mod drain;
mod fence;
mod held;
mod install;
mod invalid;
mod labels;
mod lost;
mod pause;
mod policies;
mod reads;
mod refuse;
mod rejected;
mod release;
mod reverts;
mod rollback;
mod rolled_back;
mod salvage;
mod scale;
mod strangers;
mod supersede;
mod switch;
mod thresholds;

/// The world, in which someone has just applied another spec.
fn released(mut world: World, spec: Value) -> World {
    world.apply(spec);
    world
}

/// Passes until the operator waits.
fn until_idle(w: &mut World) {
    assert!((0..100).any(|_| matches!(w.step(), Pass::Idle(_))));
}

/// Makes every story a test, and lists them for the sweep.
macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        /// The stories of this file.
        pub fn all() -> Vec<$crate::model::Story> {
            vec![$($name()),*]
        }

        mod test {
            $(#[test]
            fn $name() {
                super::$name().run();
            })*
        }
    };
}
pub(crate) use stories;

/// Every story.
pub fn all() -> Vec<Story> {
    [
        install::all(),
        invalid::all(),
        release::all(),
        refuse::all(),
        rejected::all(),
        policies::all(),
        supersede::all(),
        switch::all(),
        children::all(),
        labels::all(),
        strangers::all(),
        commands::all(),
        conditions::all(),
        lost::all(),
        approval::all(),
        pause::all(),
        bake::all(),
        thresholds::all(),
        drain::all(),
        rollback::all(),
        reverts::all(),
        rolled_back::all(),
        held::all(),
        salvage::all(),
        scale::all(),
    ]
    .concat()
}
