//! Stories of releases. Each is a test, and each is run again under every fault.

use serde_json::Value;

use crate::model::{Pass, Story, World};

mod approval;
mod bake;
mod children;
mod commands;
mod drain;
mod fence;
mod install;
mod lost;
mod pause;
mod reads;
mod refuse;
mod rejected;
mod release;
mod rollback;
mod salvage;
mod scale;
mod supersede;
mod switch;

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
        release::all(),
        refuse::all(),
        rejected::all(),
        supersede::all(),
        switch::all(),
        children::all(),
        commands::all(),
        lost::all(),
        approval::all(),
        pause::all(),
        bake::all(),
        drain::all(),
        rollback::all(),
        salvage::all(),
        scale::all(),
    ]
    .concat()
}
